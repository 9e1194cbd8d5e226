import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.generation.batch import generate_texts
from nextword.inference.generation.generator import stream_text
from nextword.inference.generation.request import Request, SearchOptions, length_normalizer
from nextword.inference.generation.sampling import SamplingOptions
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

MakeEngine = Callable[..., Any]

SEEDED = SamplingOptions(seed=2)

requests = st.sampled_from(
    [
        Request(max_tokens=8, sampling=SEEDED),
        Request(max_tokens=8, sampling=SEEDED, stop_at_end=True),
        Request(max_tokens=8, sampling=SEEDED, stop=("b c", "a")),
        Request(max_tokens=6, sampling=SEEDED, search=SearchOptions(best_of=3)),
        Request(max_tokens=5, search=SearchOptions(beam_size=3), stop_at_end=True),
        Request(max_tokens=5, search=SearchOptions(beam_size=4, beam_groups=2), forbid=("a b",)),
        Request(max_tokens=5, require=("b", "c a")),
        Request(max_tokens=5, search=SearchOptions(decoding="greedy")),
    ]
)
prompts = st.lists(st.lists(st.sampled_from("abc"), max_size=5).map(" ".join), max_size=5)


@given(prompts, requests)
def test_a_text_does_not_depend_on_its_neighbors(
    toy_engine: MakeEngine, words: Tokenizer, prompts: list[str], request: Request
) -> None:
    engine = toy_engine(logit_scale=1.0)
    alone = [generate_texts(TextModel(engine, words), [prompt], request)[0] for prompt in prompts]
    assert generate_texts(TextModel(engine, words), prompts, request) == alone
    assert [text.prompt for text in alone] == prompts


@given(st.integers(0, 2**32), st.sampled_from(["", "a", "b c"]), st.booleans())
def test_one_sample_equals_the_streamed_text(
    toy_engine: MakeEngine, words: Tokenizer, seed: int, prompt: str, stop_at_end: bool
) -> None:
    options = SamplingOptions(seed=seed, temperature=1.5)
    request = Request(max_tokens=12, sampling=options, stop_at_end=stop_at_end, search=SearchOptions(best_of=1))
    text = generate_texts(TextModel(toy_engine(), words), [prompt], request)[0]
    assert text.text == "".join(stream_text(TextModel(toy_engine(), words), prompt, request))
    assert text.others == ()


def test_the_best_of_several_has_the_highest_score(
    toy_engine: MakeEngine, words: Tokenizer, log_prob_of: Callable[..., float]
) -> None:
    engine = toy_engine()
    search = SearchOptions(best_of=6, length_exponent=0.8)
    request = Request(max_tokens=9, sampling=SEEDED, search=search, stop_at_end=True)
    best = generate_texts(TextModel(engine, words), ["a"], request)[0]
    assert len(best.others) == 5
    texts = [best, *best.others]
    assert [text.score for text in texts] == sorted((text.score for text in texts), reverse=True)
    for text in texts:
        assert text.log_prob == pytest.approx(log_prob_of(engine, (2,), text.ids), rel=1e-5)
        assert text.score == text.log_prob / length_normalizer(len(text.ids), 0.8)


def test_more_samples_include_the_same_ones(toy_engine: MakeEngine, words: Tokenizer) -> None:
    def sampled(best_of: int) -> set[tuple[int, ...]]:
        request = Request(max_tokens=9, sampling=SEEDED, search=SearchOptions(best_of=best_of))
        best = generate_texts(TextModel(toy_engine(logit_scale=1.0), words), ["a"], request)[0]
        return {text.ids for text in (best, *best.others)}

    assert sampled(1) < sampled(3) < sampled(8)
    assert len(sampled(8)) == 8


def test_only_with_a_seed_the_same_prompt_gives_the_same_text(toy_engine: MakeEngine, words: Tokenizer) -> None:
    def texts(options: SamplingOptions) -> list[str]:
        request = Request(max_tokens=20, sampling=options)
        return [
            text.text for text in generate_texts(TextModel(toy_engine(logit_scale=0.5), words), ["a", "a"], request)
        ]

    first, second = texts(SEEDED)
    assert first == second
    first, second = texts(SamplingOptions())
    assert first != second


@given(st.integers(0, 1000), st.lists(st.sampled_from(["ab", "b", "a a", "\n", " b", "c\na"]), min_size=1, max_size=2))
def test_a_stop_string_only_cuts_the_text(
    toy_engine: MakeEngine, words: Tokenizer, seed: int, stops: list[str]
) -> None:
    def text(stop: tuple[str, ...]) -> Any:
        request = Request(max_tokens=12, sampling=SamplingOptions(seed=seed), stop=stop)
        return generate_texts(TextModel(toy_engine(logit_scale=1.0), words), ["c"], request)[0]

    whole, cut = text(()), text(tuple(stops))
    found = sorted((whole.text.find(stop) + len(stop), whole.text.find(stop)) for stop in stops if stop in whole.text)
    assert cut.text == (whole.text[: found[0][1]] if found else whole.text)
    assert cut.ending == ("stop" if found else "length")
    assert whole.ids[: len(cut.ids)] == cut.ids


def test_fewer_tokens_are_the_first_of_more(toy_engine: MakeEngine, words: Tokenizer) -> None:
    short, long = (
        generate_texts(TextModel(toy_engine(), words), ["a"], Request(max_tokens=count, sampling=SEEDED))[0].ids
        for count in (5, 15)
    )
    assert long[:5] == short


def test_the_end_token_is_not_displayed_but_counted(toy_engine: MakeEngine, words: Tokenizer) -> None:
    request = Request(max_tokens=200, sampling=SEEDED, stop_at_end=True)
    text = generate_texts(TextModel(toy_engine(), words), ["a"], request)[0]
    assert (text.ending, text.ids[-1]) == ("end", 0)
    assert "\n" not in text.text
    assert text.to_table()["num_tokens"] == len(text.ids)


def test_required_words_are_in_the_text(toy_engine: MakeEngine, words: Tokenizer) -> None:
    request = Request(max_tokens=6, require=("c b", "a"), forbid=("a b",))
    for text in generate_texts(TextModel(toy_engine(), words), ["", "a", "c"], request):
        assert " c b" in f" {text.text}"
        assert " a" in f" {text.text}"
        assert "a b" not in f"{text.prompt}{text.text}"
        assert text.missing == ()


def test_required_characters_form_a_whole_word(toy_engine: MakeEngine, characters: Tokenizer) -> None:
    request = Request(max_tokens=9, require=("art",))
    for text in generate_texts(TextModel(toy_engine(vocabulary_size=9), characters), ["y", "y "], request):
        words = f"{text.prompt}{text.text}".replace(".", " ").replace("\n", " ").split(" ")
        assert "art" in words
        assert text.missing == ()


def test_a_required_word_after_the_stop_string_does_not_count(toy_engine: MakeEngine, words: Tokenizer) -> None:
    request = Request(max_tokens=6, require=("b",), stop=("b",))
    assert generate_texts(TextModel(toy_engine(), words), ["a"], request)[0].missing == ("b",)
    request = Request(max_tokens=6, require=("b",), stop=("c",))
    text = generate_texts(TextModel(toy_engine(), words), ["a"], request)[0]
    assert "b" in text.text
    assert (text.missing, "c" in text.text) == ((), False)


def test_the_end_does_not_come_before_the_last_required_word(toy_engine: MakeEngine, characters: Tokenizer) -> None:
    """`<eos>` can be next to a word of characters, but would end the text."""
    request = Request(max_tokens=9, require=("at", "ray"), stop_at_end=True, search=SearchOptions(beam_size=10))
    for seed in range(20):
        engine = toy_engine(seed, vocabulary_size=9, logit_scale=4.0)
        assert generate_texts(TextModel(engine, characters), ["y"], request)[0].missing == ()


def test_a_required_word_can_end_the_text(toy_engine: MakeEngine, characters: Tokenizer) -> None:
    request = Request(max_tokens=6, require=("art",), search=SearchOptions(beam_size=60))
    found = []
    for seed in range(5):
        best = generate_texts(TextModel(toy_engine(seed, vocabulary_size=9), characters), ["y"], request)[0]
        found += [f"y{text.text}" for text in (best, *best.others)]
    assert all("art" in re.split(r"[ .\n]", text) for text in found)
    assert any(text.endswith("art") for text in found)


def test_missing_required_words_are_reported(toy_engine: MakeEngine, words: Tokenizer) -> None:
    text = generate_texts(
        TextModel(toy_engine(), words), ["a"], Request(max_tokens=4, require=("b", "c"), forbid=("C",))
    )[0]
    assert text.missing == ("c",)
    assert text.to_table()["missing"] == ["c"]


def test_unknown_words_are_not_generated_unless_allowed(toy_engine: MakeEngine, words: Tokenizer) -> None:
    def unknown(options: SamplingOptions, search: SearchOptions) -> bool:
        request = Request(max_tokens=30, sampling=options, search=search)
        best = generate_texts(TextModel(toy_engine(logit_scale=0.2), words), [""], request)[0]
        return any(1 in text.ids for text in (best, *best.others))

    for search in (SearchOptions(), SearchOptions(beam_size=4)):
        assert not unknown(SEEDED, search)
        assert unknown(SamplingOptions(seed=2, allow_unknown=True), search)


def test_required_words_that_do_not_fit_are_refused(toy_engine: MakeEngine, words: Tokenizer) -> None:
    with pytest.raises(SettingError, match="`max_tokens` must be at least 3, as many as the required words have"):
        generate_texts(TextModel(toy_engine(), words), ["a"], Request(max_tokens=2, require=("b c", "a")))
    with pytest.raises(SettingError, match="able to spell a required word, but cannot spell 'z'"):
        generate_texts(TextModel(toy_engine(), words), ["a"], Request(require=("z",)))


@pytest.mark.parametrize("search", [SearchOptions(), SearchOptions(beam_size=2)])
def test_forbidding_everything_is_refused(toy_engine: MakeEngine, search: SearchOptions) -> None:
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a")))
    engine = toy_engine(vocabulary_size=3)
    assert (
        generate_texts(TextModel(engine, tokenizer), ["a"], Request(max_tokens=1, search=search, forbid=("a",)))[0].text
        == "a"
    )
    with pytest.raises(SettingError, match=r"possible.*forbid fewer"):
        generate_texts(TextModel(engine, tokenizer), ["a"], Request(max_tokens=1, search=search, forbid=("a", "aa")))


def test_a_single_string_of_prompts_is_refused(toy_engine: MakeEngine, words: Tokenizer) -> None:
    with pytest.raises(SettingError, match="`prompts` must be a list of strings, but is one string"):
        generate_texts(TextModel(toy_engine(), words), "a b", Request())


def test_no_prompts_give_no_texts(toy_engine: MakeEngine, words: Tokenizer) -> None:
    assert generate_texts(TextModel(toy_engine(), words), [], Request()) == []


def test_a_table_holds_all_texts(toy_engine: MakeEngine, words: Tokenizer) -> None:
    request = Request(max_tokens=3, search=SearchOptions(beam_size=2))
    table = generate_texts(TextModel(toy_engine(), words), ["a"], request)[0].to_table()
    assert set(table) == {"prompt", "text", "num_tokens", "log_prob", "score", "ending", "others"}
    assert [set(other) for other in table["others"]] == [{"text", "num_tokens", "log_prob", "score", "ending"}]
