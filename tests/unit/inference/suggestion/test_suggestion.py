from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.suggestion.suggestion import Suggestion, suggest
from nextword.text.tokens.tokenizer import Tokenizer
from support.typing_engines import FixedEngine, make_tokenizer

WORDS = ("He", "said", ", ", ",", ' "', '"', '" ', "no", ".", ". ")


@pytest.fixture(scope="session")
def word_tokenizer() -> Tokenizer:
    tokenizer: Tokenizer = make_tokenizer(WORDS)
    return tokenizer


def shown(suggestions: list[Suggestion]) -> list[tuple[str, float]]:
    return [(suggestion.text, round(suggestion.probability, 4)) for suggestion in suggestions]


def test_the_most_probable_words_come_first_without_specials() -> None:
    tokenizer = make_tokenizer("a b c", "pretokenized")
    engine = FixedEngine(tokenizer.vocabulary, [40, 30, 5, 15, 10])
    assert shown(suggest(TextModel(engine, tokenizer), "a b", k=2)) == [("b", 0.15), ("c", 0.1)]
    assert engine.read == [0, 2, 3]
    assert shown(suggest(TextModel(engine, tokenizer), "", restore_case=False)) == [
        ("b", 0.15),
        ("c", 0.1),
        ("a", 0.05),
    ]
    assert engine.read == [0]


@given(st.lists(st.integers(1, 40).map(float), min_size=12, max_size=12), st.integers(1, 12))
def test_merging_is_exact(word_tokenizer: Tokenizer, weights: list[float], k: int) -> None:
    merged: defaultdict[str, float] = defaultdict(float)
    for word, weight in zip(WORDS, weights[2:], strict=True):
        merged[word.strip(" ")] += weight / sum(weights)
    best = sorted(merged.values(), reverse=True)[:k]
    suggestions = suggest(TextModel(FixedEngine(word_tokenizer.vocabulary, weights), word_tokenizer), "He", k=k)
    np.testing.assert_allclose([suggestion.probability for suggestion in suggestions], best, rtol=1e-5)
    for suggestion in suggestions:
        assert suggestion.probability == pytest.approx(merged[suggestion.text], rel=1e-5)


@pytest.mark.parametrize("text", ["He", "He said,", "He said.", "no\nHe", 'He said, "no'])
def test_a_space_at_the_end_has_no_effect(text: str, word_tokenizer: Tokenizer) -> None:
    engine = FixedEngine(word_tokenizer.vocabulary, [1.0] * 12)
    suggest(TextModel(engine, word_tokenizer), text)
    without = engine.read
    assert without == [0, *word_tokenizer.encode_prompt(text)]
    for spaces in (" ", "   ", "\t"):
        suggest(TextModel(engine, word_tokenizer), text + spaces)
        assert engine.read == without


def test_characters_are_suggested_with_spaces_visible() -> None:
    tokenizer = make_tokenizer(("a", " ", "b"), "character")
    engine = FixedEngine(tokenizer.vocabulary, [1, 1, 1, 5, 2])
    assert shown(suggest(TextModel(engine, tokenizer), "a ", k=2)) == [("␣", 0.5), ("b", 0.2)]
    assert engine.read == [0, 2, 3]


def test_a_terminal_control_sequence_is_displayed_as_an_escape() -> None:
    tokenizer = make_tokenizer("\x1b[2J", "pretokenized")
    assert suggest(TextModel(FixedEngine(tokenizer.vocabulary, [1, 1, 2]), tokenizer), "")[0].text == r"\x1b[2J"


def test_a_vocabulary_without_capitals_reads_text_in_lower_case() -> None:
    tokenizer = make_tokenizer("he said .", "pretokenized")
    engine = FixedEngine(tokenizer.vocabulary, [1, 1, 4, 3, 2])
    assert shown(suggest(TextModel(engine, tokenizer), "He SAID Tom .", k=1, restore_case=False)) == [("he", 0.3636)]
    assert engine.read == [0, 2, 3, 1, 4]
    assert shown(suggest(TextModel(engine, tokenizer), "he said .", k=2)) == [
        ("He", 0.3636),
        ("Said", 0.2727),
    ]
    assert shown(suggest(TextModel(engine, tokenizer), "he", k=1)) == [("he", 0.3636)]


def test_words_that_a_capital_makes_equal_are_one_suggestion() -> None:
    words = [f"word{number}" for number in range(200)]
    tokenizer = make_tokenizer(["may", "May", *words], "pretokenized")
    engine = FixedEngine(tokenizer.vocabulary, [1, 1, 40, 40, 20, *[0.5] * 199])
    first, second = suggest(TextModel(engine, tokenizer), "", k=3)
    assert (first.text, second.text) == ("May", "Word0")
    assert first.probability == pytest.approx(4 * second.probability)


def test_a_vocabulary_with_capitals_reads_text_unchanged(word_tokenizer: Tokenizer) -> None:
    engine = FixedEngine(word_tokenizer.vocabulary, [1.0] * 9 + [5] + [1.0] * 2)
    assert suggest(TextModel(engine, word_tokenizer), "", k=1)[0].text == "no"
    suggest(TextModel(engine, word_tokenizer), "SAID")
    assert engine.read == [0, 1]


def test_k_must_be_positive(word_tokenizer: Tokenizer) -> None:
    with pytest.raises(SettingError, match="`k` must be at least 1, but is 0"):
        suggest(TextModel(FixedEngine(word_tokenizer.vocabulary, [1.0] * 12), word_tokenizer), "He", k=0)
