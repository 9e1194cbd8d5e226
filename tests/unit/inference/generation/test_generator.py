from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.generation.generated_text import GeneratedText, after_prompt, length_normalizer, text_pieces
from nextword.inference.generation.generator import Request, SearchOptions, generate, generate_texts, stream_text
from nextword.inference.generation.sampling import SamplingOptions
from nextword.text.batching.window import TokenIds
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.writers import WORDS, log_prob_of, toy_engine

GREEDY = SamplingOptions(temperature=0)


class CountingEngine(DistributionEngine):
    """Predicts the number of tokens read so far, up to 19; no token has probability 0."""

    def __init__(self, sharpness: float = 3.0) -> None:
        super().__init__(vocabulary_size=20, end_id=9)
        self.sharpness = sharpness
        self.read: list[int] = []

    def start(self, batch_size: int) -> State:
        return np.zeros(batch_size, np.int64)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.read += inputs.ravel().tolist()
        num_read = state[:, None] + np.arange(inputs.shape[1])
        logits = self.sharpness * (np.arange(20) == np.minimum(num_read, 19)[..., None])
        log_probs = (logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))).astype(np.float32)
        return WindowPrediction(log_probs, None), state + inputs.shape[1]


def running_text(line_ends: LineEnds = "line") -> Tokenizer:
    words = ("<eos>", "<unk>", "He", "said", ", ", ",", ' "', '"', "no", ".", ". ", "don't", "-", "'", " (", ") ", "1")
    return Tokenizer("word", line_ends, Vocabulary((*words, "x", "y", "z")))


def test_the_most_probable_tokens_follow_the_prompt() -> None:
    engine = CountingEngine()
    assert list(generate(engine, [5, 5, 5], num_tokens=4, options=GREEDY)) == [3, 4, 5, 6]
    assert engine.read == [9, 5, 5, 5, 3, 4, 5]  # <eos> first, and nothing after the last token


def test_the_end_token_stops_only_if_requested() -> None:
    assert list(generate(CountingEngine(), [1] * 7, num_tokens=5, options=GREEDY, stop_at_end=True)) == [7, 8]
    assert list(generate(CountingEngine(), [1] * 7, num_tokens=5, options=GREEDY)) == [7, 8, 9, 10, 11]


def test_each_token_is_yielded_as_soon_as_it_is_sampled() -> None:
    engine = CountingEngine()
    ids = generate(engine, [], num_tokens=1_000_000, options=GREEDY)
    assert [next(ids), next(ids)] == [0, 1]
    assert engine.read == [9, 0]


def test_a_forbidden_token_is_never_sampled() -> None:
    flat = CountingEngine(sharpness=0)
    ids = list(generate(flat, [], num_tokens=300, options=SamplingOptions(seed=0), forbidden=[3, 4]))
    assert set(ids) == set(range(20)) - {3, 4}


def test_text_continues_the_prompt() -> None:
    request = Request(max_tokens=6, sampling=GREEDY)
    pieces = stream_text(TextModel(CountingEngine(), running_text()), "He said", request)
    assert list(pieces) == [" He", " said", ",", " ,", ' "', '"']


@pytest.mark.parametrize(
    ("prompt", "text"), [("He said ", "He said"), ("He said", " He said"), ("He said\t", "He said")]
)
def test_a_space_at_the_end_of_the_prompt_is_not_repeated(prompt: str, text: str) -> None:
    request = Request(max_tokens=2, sampling=GREEDY)
    assert "".join(stream_text(TextModel(CountingEngine(), running_text()), prompt, request)) == text
    assert generate_texts(TextModel(CountingEngine(), running_text()), [prompt], request)[0].text == text


@pytest.mark.parametrize("prompt", ["He said,", "He said, "])
@pytest.mark.parametrize(("stop", "text"), [(" said", ""), ("d, ,", " sai"), (' "', " said, ,")])
def test_a_stop_string_may_begin_with_the_space_between_prompt_and_text(prompt: str, stop: str, text: str) -> None:
    model = TextModel(CountingEngine(), running_text())  # it continues with `said`, `, `, `,`, ` "`
    request = Request(max_tokens=9, sampling=GREEDY, stop=(stop,))
    shown = text[1:] if prompt.endswith(" ") else text
    assert "".join(stream_text(model, prompt, request)) == shown
    (found,) = generate_texts(model, [prompt], request)
    assert (found.text, found.ending) == (shown, "stop")


def test_a_character_model_may_add_another_space() -> None:
    characters = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", " ")))
    assert list(after_prompt(characters, "a ", [" a"])) == [" a"]
    assert list(after_prompt(running_text(), "a ", ["", " a", " b"])) == ["", "a", " b"]


def pieces_of(ids: list[int], prompt: list[int]) -> list[str]:
    return list(text_pieces(running_text(), prompt, ids))


def test_the_space_between_two_words_belongs_to_the_second() -> None:
    assert pieces_of([3, 4, 8, 9, 0, 2], prompt=[2]) == [" said", ",", " no", ".", "\n", "He"]
    assert pieces_of([2], prompt=[]) == ["He"]
    assert pieces_of([2], prompt=[3, 4]) == [" He"]


def test_a_line_neither_begins_nor_ends_with_the_space_of_a_mark() -> None:
    assert pieces_of([3, 10, 0, 6, 2, 4], prompt=[2]) == [" said", ".", "\n", '"', "He", ","]


def tokenizers() -> Iterator[Tokenizer]:
    kinds: list[tuple[TokenizerKind, tuple[str, ...]]] = [
        ("pretokenized", ("<eos>", "<unk>", "the", ",", "'s", "e\N{COMBINING ACUTE ACCENT}")),
        ("character", ("<eos>", "<unk>", "a", " ", "\N{COMBINING ACUTE ACCENT}", "猫", ".")),
        ("subword", ("<eos>", "<unk>", "a", " ", " ab", "猫", ".")),
    ]
    for kind, words in kinds:
        yield Tokenizer(kind, "line", Vocabulary(words))
    yield running_text("line")
    yield running_text("paragraph")


@given(st.data(), st.sampled_from(list(tokenizers())))
def test_prompt_and_pieces_form_the_text(data: st.DataObject, tokenizer: Tokenizer) -> None:
    some_ids = st.lists(st.integers(0, tokenizer.vocabulary_size - 1), max_size=12)
    prompt, ids = data.draw(some_ids), data.draw(some_ids)
    pieces = list(text_pieces(tokenizer, prompt, ids))
    assert len(pieces) == len(ids)
    assert tokenizer.decode(prompt) + "".join(pieces) == tokenizer.decode(prompt + ids)


def test_zero_tokens_are_refused_immediately() -> None:
    with pytest.raises(SettingError, match="`num_tokens` must be at least 1, but is 0"):
        generate(CountingEngine(), [], num_tokens=0)


def character_text(*more: str) -> Tokenizer:
    return Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", "b", *more)))


def test_streaming_reads_nothing_after_a_stop_string() -> None:
    engine = CountingEngine()
    request = Request(max_tokens=1000, sampling=GREEDY, stop=("said",))
    assert list(stream_text(TextModel(engine, running_text()), "He", request)) == ["\n", "He", " "]
    assert engine.read == [9, 2, 0, 2]  # without "said"


def test_an_accent_is_not_yielded_without_its_letter() -> None:
    tokenizer = character_text("\N{COMBINING ACUTE ACCENT}", *"cdefghijklmnopq")
    request = Request(max_tokens=60, sampling=SamplingOptions(seed=1))
    pieces = list(stream_text(TextModel(CountingEngine(0), tokenizer), "", request))
    assert "\N{COMBINING ACUTE ACCENT}" in "".join(pieces)
    assert not any(piece.startswith("\N{COMBINING ACUTE ACCENT}") for piece in pieces[1:])


def test_the_best_of_several_cannot_be_streamed() -> None:
    with pytest.raises(SettingError, match="call `generate_texts`"):
        stream_text(TextModel(CountingEngine(), running_text()), "", Request(search=SearchOptions(beam_size=2)))


def text_of(engine: Any, tokenizer: Tokenizer, prompt: str, request: Request) -> GeneratedText:
    """The text after one prompt."""
    return generate_texts(TextModel(engine, tokenizer), [prompt], request)[0]


SEEDED = SamplingOptions(seed=2)

requests = st.sampled_from(
    [
        Request(max_tokens=8, sampling=SEEDED),
        Request(max_tokens=8, sampling=SEEDED, stop_at_end=True),
        Request(max_tokens=8, sampling=SEEDED, stop=("b c", "a")),
        Request(max_tokens=6, sampling=SEEDED, search=SearchOptions(best_of=3)),
        Request(max_tokens=5, search=SearchOptions(beam_size=3), stop_at_end=True),
        Request(max_tokens=5, search=SearchOptions(beam_size=4), forbid=("a b",)),
        Request(max_tokens=5, search=SearchOptions(decoding="greedy")),
    ]
)
prompts = st.lists(st.lists(st.sampled_from("abc"), max_size=5).map(" ".join), max_size=5)


@given(prompts, requests)
def test_a_text_does_not_depend_on_its_neighbors(prompts: list[str], request: Request) -> None:
    engine = toy_engine(logit_scale=1.0)
    alone = [text_of(engine, WORDS, prompt, request) for prompt in prompts]
    assert generate_texts(TextModel(engine, WORDS), prompts, request) == alone
    assert [text.prompt for text in alone] == prompts


streamed = st.builds(
    Request,
    max_tokens=st.just(12),
    sampling=st.builds(
        SamplingOptions, seed=st.integers(0, 2**32), temperature=st.just(1.5), allow_unknown=st.booleans()
    ),
    stop=st.lists(st.text("ab\n ", min_size=1, max_size=3), max_size=2).map(tuple),
    forbid=st.sampled_from([(), ("b",), ("a b", "C")]),
    stop_at_end=st.booleans(),
) | st.just(Request(max_tokens=5, search=SearchOptions(decoding="greedy")))


@given(streamed, st.sampled_from(["", "a", "b c"]))
def test_one_sample_equals_the_streamed_text(request: Request, prompt: str) -> None:
    text = text_of(toy_engine(), WORDS, prompt, request)
    assert text.text == "".join(stream_text(TextModel(toy_engine(), WORDS), prompt, request))
    assert text.others == ()


def test_the_best_of_several_has_the_highest_score() -> None:
    engine = toy_engine()
    search = SearchOptions(best_of=6, length_exponent=0.8)
    request = Request(max_tokens=9, sampling=SEEDED, search=search, stop_at_end=True)
    best = text_of(engine, WORDS, "a", request)
    assert len(best.others) == 5
    texts = [best, *best.others]
    assert [text.score for text in texts] == sorted((text.score for text in texts), reverse=True)
    for text in texts:
        assert text.log_prob == pytest.approx(log_prob_of(engine, (2,), text.ids), rel=1e-5)
        assert text.score == text.log_prob / length_normalizer(len(text.ids), 0.8)


def test_only_with_a_seed_the_same_prompt_gives_the_same_text() -> None:
    def texts(options: SamplingOptions) -> list[str]:
        request = Request(max_tokens=20, sampling=options)
        return [
            text.text for text in generate_texts(TextModel(toy_engine(logit_scale=0.5), WORDS), ["a", "a"], request)
        ]

    first, second = texts(SEEDED)
    assert first == second
    first, second = texts(SamplingOptions())
    assert first != second


@given(st.integers(0, 1000), st.lists(st.sampled_from(["ab", "b", "a a", "\n", " b", "c\na"]), min_size=1, max_size=2))
def test_a_stop_string_only_cuts_the_text(seed: int, stops: list[str]) -> None:
    def text(stop: tuple[str, ...]) -> Any:
        request = Request(max_tokens=12, sampling=SamplingOptions(seed=seed), stop=stop)
        return text_of(toy_engine(logit_scale=1.0), WORDS, "c", request)

    whole, cut = text(()), text(tuple(stops))
    found = sorted((whole.text.find(stop) + len(stop), whole.text.find(stop)) for stop in stops if stop in whole.text)
    assert cut.text == (whole.text[: found[0][1]] if found else whole.text)
    assert cut.ending == ("stop" if found else "length")
    assert whole.ids[: len(cut.ids)] == cut.ids


def test_fewer_tokens_are_the_first_of_more() -> None:
    short, long = (
        text_of(toy_engine(), WORDS, "a", Request(max_tokens=count, sampling=SEEDED)).ids for count in (5, 15)
    )
    assert long[:5] == short


def test_the_end_token_is_not_displayed_but_counted() -> None:
    request = Request(max_tokens=200, sampling=SEEDED, stop_at_end=True)
    text = text_of(toy_engine(), WORDS, "a", request)
    assert (text.ending, text.ids[-1]) == ("end", 0)
    assert "\n" not in text.text
    assert text.to_table()["num_tokens"] == len(text.ids)


def test_searches_give_unknown_words_only_if_allowed() -> None:
    def unknown(options: SamplingOptions, search: SearchOptions) -> bool:
        request = Request(max_tokens=30, sampling=options, search=search)
        best = text_of(toy_engine(logit_scale=0.2), WORDS, "", request)
        return any(1 in text.ids for text in (best, *best.others))

    for search in (SearchOptions(), SearchOptions(beam_size=4)):
        assert not unknown(SEEDED, search)
        assert unknown(SamplingOptions(seed=2, allow_unknown=True), search)


@pytest.mark.parametrize("search", [SearchOptions(), SearchOptions(beam_size=2)])
def test_forbidding_everything_is_refused(search: SearchOptions) -> None:
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a")))
    engine = toy_engine(vocabulary_size=3)
    assert text_of(engine, tokenizer, "a", Request(max_tokens=1, search=search, forbid=("a",))).text == "a"
    with pytest.raises(SettingError, match=r"possible.*forbid fewer"):
        generate_texts(TextModel(engine, tokenizer), ["a"], Request(max_tokens=1, search=search, forbid=("a", "aa")))


def test_no_prompts_give_no_texts() -> None:
    assert generate_texts(TextModel(toy_engine(), WORDS), [], Request()) == []


def test_a_table_holds_all_texts() -> None:
    request = Request(max_tokens=3, search=SearchOptions(beam_size=2))
    table = text_of(toy_engine(), WORDS, "a", request).to_table()
    assert set(table) == {"prompt", "text", "num_tokens", "log_prob", "score", "ending", "others"}
    assert [set(other) for other in table["others"]] == [{"text", "num_tokens", "log_prob", "score", "ending"}]


def test_greedy_decoding_has_temperature_zero() -> None:
    greedy = SearchOptions(decoding="greedy")
    assert Request(search=greedy, sampling=SamplingOptions(seed=4)).draws == SamplingOptions(temperature=0.0, seed=4)
    penalized = SamplingOptions(temperature=0.0, repetition_penalty=1.2, allow_unknown=True)
    assert Request(search=greedy, sampling=penalized).draws == penalized


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_tokens": 0}, "`max_tokens` must be at least 1, but is 0"),
        ({"stop": "the end"}, "`stop` must be a tuple of strings, but is one string"),
        ({"forbid": "cat"}, "`forbid` must be a tuple of strings, but is one string"),
        ({"stop": ("a", "")}, "`stop` must not be empty"),
        ({"forbid": (" ",)}, "`forbid` must not be empty"),
        (
            {"search": SearchOptions(beam_size=2), "sampling": SamplingOptions(temperature=0.5)},
            r"beam search does not sample, but `temperature` is 0\.5",
        ),
        (
            {"search": SearchOptions(decoding="greedy"), "sampling": SamplingOptions(temperature=3.0)},
            r"greedy decoding does not sample, but `temperature` is 3\.0",
        ),
        (
            {"search": SearchOptions(decoding="greedy"), "sampling": SamplingOptions(top_k=5)},
            "greedy decoding does not sample, but `top_k` is 5",
        ),
        ({"forbid": ("a", "\udcff")}, "`forbid` must be valid Unicode"),
        ({"stop": ("\ud800",)}, "`stop` must be valid Unicode"),
    ],
)
def test_contradicting_requests_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Request(**values)


def test_a_beam_allows_a_seed_and_unknown_words() -> None:
    sampling = SamplingOptions(seed=1, allow_unknown=True)
    assert Request(sampling=sampling, search=SearchOptions(beam_size=2)).is_compared


@pytest.mark.parametrize(
    ("search", "uses_beam", "is_compared"),
    [
        (SearchOptions(), False, False),
        (SearchOptions(decoding="greedy"), False, False),
        (SearchOptions(best_of=2), False, True),
        (SearchOptions(decoding="beam"), True, True),
        (SearchOptions(beam_size=1), True, True),
    ],
)
def test_a_beam_is_used_if_requested(search: SearchOptions, uses_beam: bool, is_compared: bool) -> None:
    request = Request(search=search)
    assert (search.uses_beam, request.is_compared) == (uses_beam, is_compared)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 5, "best_of": 2}, "`best_of` needs sampled texts, but is 2 with a search"),
        ({"decoding": "greedy", "best_of": 2}, "`best_of` needs sampled texts, but is 2 with a search"),
        ({"decoding": "sample", "beam_size": 2}, "a beam needs `decoding` to be beam, but `decoding` is sample"),
        ({"beam_size": 0}, "`beam_size` must be at least 1, but is 0"),
    ],
)
def test_contradicting_search_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SearchOptions.from_table(options)


def test_the_normalizer_matches_the_paper() -> None:
    assert length_normalizer(1, 2.0) == 1
    assert length_normalizer(13, 0.0) == 1
    assert length_normalizer(13, 2.0) == pytest.approx(9)
