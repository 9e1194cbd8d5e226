"""Completions and next words match brute force over the vocabulary."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.text_model import TextModel
from nextword.inference.suggestion.lexicon import in_case_of
from nextword.inference.suggestion.session import complete
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.user_words import UserWords
from nextword.inference.suggestion.word_cache import BASE_WEIGHT, mix_probabilities
from support.typing_engines import FixedEngine, make_tokenizer

WORDS = ["will", "Will", "WILL", "Wilma", "wit", "stra\u00dfe", "Strasse", "then", ", ", ","]
PREFIXES = ["w", "W", "wi", "Wi", "WI", "wil", "Will", "wILL", "stra", "STRAS", "stra\u00df", "x", "t"]
counts = st.lists(st.integers(1, 40), min_size=len(WORDS) + 2, max_size=len(WORDS) + 2)


def from_brute_force(prefix: str, words: dict[str, float], case_weight: float) -> dict[str, float]:
    """Return the normalized weight of each spelling."""
    totals: defaultdict[str, float] = defaultdict(float)
    for word, probability in words.items():
        if word.casefold().startswith(prefix.casefold()):
            totals[word.casefold()] += probability * (1 if word.startswith(prefix) else case_weight)
    reached = sum(totals.values())
    return {spelling: value / reached for spelling, value in totals.items() if value > 0}


@given(weights=counts, prefix=st.sampled_from(PREFIXES), case_weight=st.sampled_from([0.0, 0.1, 1.0]))
def test_completions_are_exact(weights: list[int], prefix: str, case_weight: float) -> None:
    tokenizer = make_tokenizer(WORDS)
    engine = FixedEngine(tokenizer.vocabulary, weights)
    words = {word: weight / sum(weights) for word, weight in zip(WORDS, weights[2:], strict=True)}
    expected = from_brute_force(prefix, words, case_weight)
    found = complete(
        TextModel(engine, tokenizer), f"then {prefix}", 20, options=SessionOptions(case_weight=case_weight)
    )
    shown = {each.text.casefold(): each.probability for each in found}
    assert shown == pytest.approx(expected, rel=1e-5)
    for k in range(1, len(found)):
        assert (
            complete(TextModel(engine, tokenizer), prefix, k, options=SessionOptions(case_weight=case_weight))
            == found[:k]
        )


@given(weights=counts, prefix=st.sampled_from(PREFIXES), used=st.lists(st.sampled_from(["Wilhelm", "wIlL", "Xu"])))
def test_user_words_are_among_the_completions(weights: list[int], prefix: str, used: list[str]) -> None:
    tokenizer = make_tokenizer(WORDS)
    engine = FixedEngine(tokenizer.vocabulary, weights)
    own = UserWords()
    for word in used:
        own.learn(word)
    words = {word: weight / sum(weights) for word, weight in zip(WORDS, weights[2:], strict=True)}
    counted = {word: used.count(word) for word in own}
    factor, outside = user_word_probabilities(weights[1] / sum(weights), list(counted.values()))
    words = {word: factor * probability for word, probability in words.items()} | dict(
        zip(counted, outside, strict=True)
    )
    found = complete(TextModel(engine, tokenizer), prefix, 20, user_words=own)
    assert {each.text.casefold(): each.probability for each in found} == pytest.approx(
        from_brute_force(prefix, words, 0.1), rel=1e-5
    )
    following = {
        each.text: each.probability for each in complete(TextModel(engine, tokenizer), "then ", 20, user_words=own)
    }
    assert {word: following[word] for word in counted} == pytest.approx(dict(zip(counted, outside, strict=True)))


def user_word_probabilities(unknown: float, counted: list[int]) -> tuple[float, list[float]]:
    factor, outside = mix_probabilities(unknown, BASE_WEIGHT * np.log1p(np.array(counted, np.float64)), weight=0.1)
    return factor, outside.tolist()


@pytest.mark.parametrize(
    ("prefix", "shown"),
    [
        ("w", ["wit", "will", "Wilma"]),
        ("W", ["Will", "Wilma", "Wit"]),
        ("WIL", ["WILL", "WILMA"]),
        ("wil", ["will", "Wilma"]),
        ("stra", ["stra\u00dfe"]),
        ("Str", ["Strasse"]),
    ],
)
def test_completions_have_the_typed_case(prefix: str, shown: list[str]) -> None:
    #                                                     eos unk will Will WILL Wilma wit stra. Strasse then ", " ","
    tokenizer = make_tokenizer(WORDS)
    engine = FixedEngine(tokenizer.vocabulary, [1, 1, 10, 12, 1, 7, 20, 2, 1, 1, 1, 1])
    assert [each.text for each in complete(TextModel(engine, tokenizer), prefix)] == shown


@given(prefix=st.sampled_from(PREFIXES), word=st.sampled_from(["will", "Wilma", "McDonald", "iPhone", "x"]))
def test_restoring_case_changes_only_case(prefix: str, word: str) -> None:
    assert in_case_of(prefix, word).casefold() == word.casefold()
    if prefix.islower():
        assert in_case_of(prefix, word) == word
