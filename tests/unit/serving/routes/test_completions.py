"""The answers of `/v1/completions`, with the client of OpenAI and with plain requests against a started server."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import openai
import pytest

from nextword.engine.text_model import LoadedModel
from nextword.inference.generation.generator import Request, SearchOptions, generate_texts
from nextword.inference.generation.sampling import UNCHANGED
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from support.engine_scores import scores_of
from support.served import HASH, Served, post

Complete = Callable[..., Any]

PROMPT = "It is a truth"


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def complete(client: openai.OpenAI) -> Complete:
    """Asks for completions of the sample model."""
    return partial(client.completions.create, model="austen")


@pytest.fixture(scope="module")
def complete_floats(served_floats: Served) -> Iterator[Complete]:
    """Asks for completions of a model in float32."""
    with openai.OpenAI(base_url=f"{served_floats.url}/v1", api_key="none", max_retries=0) as client:
        yield partial(client.completions.create, model="random")


def test_an_unknown_word_of_a_prompt_has_the_log_probability_of_its_token(
    complete_floats: Complete, float_model: LoadedModel
) -> None:
    text = "bab Kowalczyk bad"
    answer = complete_floats(prompt=text, max_tokens=0, echo=True, logprobs=1)
    logprobs = answer.choices[0].logprobs
    (score,) = score_lines(float_model, [text], ScoringOptions(spell=False, eos=False))
    assert score.out_of_vocabulary.tolist() == [False, True, False]
    np.testing.assert_allclose(logprobs.token_logprobs[1:], score.log_probs[1:], atol=1e-4)


def test_it_answers_in_the_shape_of_openai(complete: Complete, austen: LoadedModel) -> None:
    answer = complete(prompt=PROMPT, max_tokens=7, seed=1)
    assert (answer.object, answer.model) == ("text_completion", "austen")
    assert answer.id.startswith("cmpl-")
    assert answer.system_fingerprint == f"austen-{HASH[:12]}"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (4, 7, 11)
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "length", None)


@pytest.mark.parametrize(
    "asked",
    [
        {"temperature": 0.0},
        {"temperature": 0.7, "top_p": 0.8},
        {"top_k": 5},
        {"min_p": 0.05},
        {"typical_p": 0.5},
        {"repetition_penalty": 2.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("prompt", ["", "She was ", "he said,", "Emma\n\nHer "])
def test_texts_are_those_of_python(complete: Complete, austen: LoadedModel, asked: dict[str, Any], prompt: str) -> None:
    ours = {name: value for name, value in asked.items() if name not in ("temperature", "top_p")}
    theirs = {name: value for name, value in asked.items() if name in ("temperature", "top_p")}
    answer = complete(prompt=prompt, max_tokens=12, seed=3, **theirs, extra_body=ours)
    request = Request(max_tokens=12, sampling=UNCHANGED.replace(seed=3, **asked))
    assert answer.choices[0].text == generate_texts(austen, [prompt], request)[0].text


def test_prompts_and_choices_come_in_order(complete_floats: Complete, float_model: LoadedModel) -> None:
    prompts = ["bab", "bab bad. ", ""]
    answer = complete_floats(prompt=prompts, max_tokens=5, n=2, seed=4)
    assert [choice.index for choice in answer.choices] == list(range(6))
    request = Request(max_tokens=5, sampling=UNCHANGED.replace(seed=4))
    expected = [text.text for text in generate_texts(float_model, prompts, request)]
    assert [choice.text for choice in answer.choices[::2]] == expected
    assert answer.choices[0].text != answer.choices[1].text


def test_the_best_of_several_is_that_of_python(complete_floats: Complete, float_model: LoadedModel) -> None:
    asked: dict[str, Any] = {"max_tokens": 6, "n": 2, "best_of": 4, "seed": 4}
    answer = complete_floats(prompt=["bab", "bad"], **asked)
    request = Request(max_tokens=6, sampling=UNCHANGED.replace(seed=4), search=SearchOptions(best_of=4))
    texts = generate_texts(float_model, ["bab", "bad"], request)
    expected = [each for text in texts for each in (text.text, text.others[0].text)]
    assert [choice.text for choice in answer.choices] == expected
    assert answer.usage.completion_tokens == 2 * 4 * 6


def test_stop_strings_and_line_ends_end_a_text(complete: Complete, austen: LoadedModel) -> None:
    for stop, at_end in ((["she", ". "], False), ([], True)):
        answer = complete(prompt=PROMPT, max_tokens=200, seed=5, stop=stop, extra_body={"stop_at_end": at_end})
        request = Request(max_tokens=200, sampling=UNCHANGED.replace(seed=5), stop=tuple(stop), stop_at_end=at_end)
        (expected,) = generate_texts(austen, [PROMPT], request)
        assert answer.choices[0].text == expected.text
        assert answer.choices[0].finish_reason == {"length": "length"}.get(expected.ending, "stop")
        assert answer.usage.completion_tokens == len(expected.ids)


STREAMED: list[dict[str, Any]] = [
    {"prompt": PROMPT, "max_tokens": 20},
    {"prompt": "", "max_tokens": 20, "logprobs": 3},
    {"prompt": ["He said, ", "So\n\nshe"], "max_tokens": 15, "n": 3, "logprobs": 2, "echo": True},
    {"prompt": PROMPT, "max_tokens": 60, "stop": [" her", ", "], "logprobs": 1},
    {"prompt": PROMPT, "max_tokens": 0, "echo": True, "logprobs": 5},
    {"prompt": [[0, 5, 9], [7]], "max_tokens": 3, "echo": True, "logprobs": 0},
    {"prompt": [list(range(2, 402)), [5]], "max_tokens": 2, "echo": True, "logprobs": 5},
    {"prompt": "Zounds  sirrah,\tyou", "max_tokens": 1, "echo": True},
]


@pytest.mark.parametrize("asked", STREAMED, ids=lambda asked: str(asked)[-70:])
@pytest.mark.parametrize("model", ["austen", "random"])
def test_streamed_answers_are_the_unstreamed_ones(
    complete: Complete, complete_floats: Complete, model: str, asked: dict[str, Any]
) -> None:
    ours = complete if model == "austen" else complete_floats
    whole = ours(seed=6, **asked)
    texts = ["" for _ in whole.choices]
    tables: list[dict[str, list[Any]]] = [{} for _ in whole.choices]
    endings: list[Any] = [None for _ in whole.choices]
    usage = None
    for event in ours(seed=6, stream=True, stream_options={"include_usage": True}, **asked):
        assert (event.object, event.system_fingerprint) == ("text_completion", whole.system_fingerprint)
        usage = event.usage or usage
        for choice in event.choices:
            assert endings[choice.index] is None, "a part came after the end"
            texts[choice.index] += choice.text
            endings[choice.index] = choice.finish_reason
            if choice.logprobs is not None:
                assert "".join(choice.logprobs.tokens) == choice.text
                for name, values in choice.logprobs.model_dump().items():
                    tables[choice.index].setdefault(name, []).extend(values)
    assert texts == [choice.text for choice in whole.choices]
    assert endings == [choice.finish_reason for choice in whole.choices]
    assert tables == [choice.logprobs.model_dump() if choice.logprobs else {} for choice in whole.choices]
    for table in tables:
        lengths = [len(token) for token in table.get("tokens", ())]
        assert table.get("text_offset", []) == [sum(lengths[:index]) for index in range(len(lengths))]
    assert usage == whole.usage


def test_an_echo_is_the_prompt_as_it_was_sent(complete: Complete) -> None:
    prompt = " Zounds  sirrah,\n\n\tit was "
    answer = complete(prompt=prompt, max_tokens=3, seed=1, echo=True, logprobs=2)
    plain = complete(prompt=prompt, max_tokens=3, seed=1)
    assert answer.choices[0].text == prompt + plain.choices[0].text


def test_log_probabilities_of_an_echo_are_those_of_scores(complete_floats: Complete, float_model: LoadedModel) -> None:
    tokens = float_model.tokenizer.vocabulary.tokens
    text = " ".join([*tokens[20:80:3], tokens[90], *tokens[100:140]]) + ", " + tokens[12] + "."
    (expected,) = score_lines(float_model, [text])
    for prompt in (text, float_model.tokenizer.encode(text)):
        answer = complete_floats(prompt=prompt, max_tokens=0, echo=True, logprobs=3, temperature=0)
        assert answer.usage.completion_tokens == 0
        logprobs = answer.choices[0].logprobs
        first, *others = logprobs.token_logprobs
        assert [first, logprobs.top_logprobs[0]] == [None, None]
        by_token = -expected.bits * np.log(2)
        np.testing.assert_allclose(others, by_token[1 : len(others) + 1], atol=1e-5)


def test_it_is_what_lm_eval_reads(complete_floats: Complete, float_model: LoadedModel) -> None:
    """It sends token lists with one token to generate, and leaves the last log-probability out."""
    ids = float_model.tokenizer.encode(" ".join(float_model.tokenizer.vocabulary.tokens[30:60]))
    engine = float_model.engine
    greedy = engine.predict_window(np.array([[engine.end_id, *ids]], np.int32), engine.start(1))[0].log_probs[0]
    prompts = [ids, [*ids[:-1], int(greedy[len(ids) - 1].argmax())], [engine.end_id, *ids]]
    answer = complete_floats(prompt=prompts, temperature=0, max_tokens=1, logprobs=1, seed=1234, echo=True)
    scores = scores_of(engine, np.array([ids], np.int32), np.array([len(ids)], np.int32)).log_probs[0]
    sums, are_greedy = [], []
    for choice, prompt in zip(answer.choices, prompts, strict=True):
        logprobs = choice.logprobs
        assert len(logprobs.token_logprobs) == len(prompt) + 1
        start = len(prompt) - 1 if choice.index < 2 else 1
        sums.append(sum(logprobs.token_logprobs[start:-1]))
        pairs = zip(logprobs.token_logprobs[start:-1], logprobs.top_logprobs[start:-1], strict=True)
        are_greedy.append(all(own == max(top.values()) for own, top in pairs))
        assert logprobs.token_logprobs[-1] == max(logprobs.top_logprobs[-1].values())
    assert sums[0] == pytest.approx(scores[-1], abs=1e-5)
    assert sums[2] == pytest.approx(scores.sum(), abs=1e-3)
    assert are_greedy == [False, True, False]


def test_the_first_of_a_token_list_may_be_the_token_before_every_text(
    complete_floats: Complete, float_model: LoadedModel
) -> None:
    ids = float_model.tokenizer.encode(float_model.tokenizer.vocabulary.token_of(50))
    for prompt in ([0, *ids], ids):
        answer = complete_floats(prompt=prompt, max_tokens=9, seed=2)
        expected = generate_texts(
            float_model, [float_model.tokenizer.decode(ids)], Request(max_tokens=9, sampling=UNCHANGED.replace(seed=2))
        )
        assert answer.choices[0].text == expected[0].text


def test_without_alternatives_only_log_probabilities_come(complete: Complete) -> None:
    answer = complete(prompt=PROMPT, max_tokens=2, seed=8, logprobs=0)
    table = answer.choices[0].logprobs.model_dump()
    assert table["top_logprobs"] == [None, None]
    assert all(log_prob < 0 for log_prob in table["token_logprobs"])


def test_the_model_is_listed(client: openai.OpenAI, served: Served) -> None:
    (model,) = client.models.list().data
    assert (model.id, model.object, model.owned_by) == ("austen", "model", "nextword")
    assert client.models.retrieve("austen") == model
    with pytest.raises(openai.NotFoundError, match="must be the served model"):
        client.models.retrieve("gpt-4")
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="gpt-4", prompt="")
    assert caught.value.param == "model"
    assert caught.value.code == "model_not_found"


def test_control_characters_are_text(served: Served) -> None:
    status, _, answer = post(served, {"model": "austen", "prompt": "a\0b\x7f", "max_tokens": 1, "echo": True})
    assert status == 200
    assert answer["choices"][0]["text"].startswith("a\0b\x7f")
