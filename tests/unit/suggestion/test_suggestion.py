from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.engine.engine import State, TokenScores, WindowPrediction
from nextword.errors import SettingError
from nextword.suggestion.suggestion import Suggestion, suggest
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary

WORDS = ("<eos>", "<unk>", "He", "said", ", ", ",", ' "', '"', '" ', "no", ".", ". ")


class FixedEngine:
    """Expects the same, whatever was read; remembers what it was."""

    end_id = 0

    def __init__(self, weights: list[float]) -> None:
        self._log_probs = np.log(np.array(weights) / sum(weights)).astype(np.float32)
        self.vocabulary_size = len(weights)
        self.read: list[int] = []

    def start(self, batch_size: int) -> State:
        self.read = []
        return batch_size

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        self.read += ids.tolist()
        return self._log_probs[None], state

    def score_window(self, inputs: TokenIds, targets: TokenIds, state: State) -> tuple[TokenScores, State]:
        raise NotImplementedError

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        raise NotImplementedError

    def score(self, ids: TokenIds, lengths: NDArray[np.int32]) -> TokenScores:
        raise NotImplementedError


def word_tokenizer() -> Tokenizer:
    return Tokenizer("word", "line", Vocabulary(WORDS))


def shown(suggestions: list[Suggestion]) -> list[tuple[str, float]]:
    return [(suggestion.text, round(suggestion.probability, 4)) for suggestion in suggestions]


def test_the_most_probable_words_come_first_without_specials() -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "a", "b", "c")))
    engine = FixedEngine([40, 30, 5, 15, 10])
    assert shown(suggest(engine, tokenizer, "a b", k=2)) == [("b", 0.15), ("c", 0.1)]
    assert engine.read == [0, 2, 3]
    assert shown(suggest(engine, tokenizer, "")) == [("b", 0.15), ("c", 0.1), ("a", 0.05)]
    assert engine.read == [0]


def test_marks_that_differ_in_spaces_are_one_suggestion() -> None:
    #                     eos unk He said ", " ","  ' "' '"' '" ' no  "." ". "
    engine = FixedEngine([10, 10, 9, 11, 6, 6, 4, 4, 4, 20, 8, 8])
    suggestions = suggest(engine, word_tokenizer(), "He said", k=4)
    assert shown(suggestions) == [("no", 0.2), (".", 0.16), (",", 0.12), ('"', 0.12)]


@given(st.lists(st.integers(1, 40).map(float), min_size=12, max_size=12), st.integers(1, 12))
def test_merging_is_exact(weights: list[float], k: int) -> None:
    merged: defaultdict[str, float] = defaultdict(float)
    for word, weight in zip(WORDS[2:], weights[2:], strict=True):
        merged[word.strip(" ")] += weight / sum(weights)
    best = sorted(merged.values(), reverse=True)[:k]
    suggestions = suggest(FixedEngine(weights), word_tokenizer(), "He", k=k)
    np.testing.assert_allclose([suggestion.probability for suggestion in suggestions], best, rtol=1e-5)
    for suggestion in suggestions:
        assert suggestion.probability == pytest.approx(merged[suggestion.text], rel=1e-5)


@pytest.mark.parametrize("text", ["He", "He said,", "He said.", "no\nHe", 'He said, "no'])
def test_a_space_at_the_end_changes_nothing(text: str) -> None:
    engine = FixedEngine([1.0] * 12)
    suggest(engine, word_tokenizer(), text)
    without = engine.read
    for spaces in (" ", "   ", "\t"):
        suggest(engine, word_tokenizer(), text + spaces)
        assert engine.read == without


def test_characters_are_suggested_with_spaces_visible() -> None:
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", " ", "b")))
    engine = FixedEngine([1, 1, 1, 5, 2])
    assert shown(suggest(engine, tokenizer, "a ", k=2)) == [("␣", 0.5), ("b", 0.2)]
    assert engine.read == [0, 2, 3]


def test_a_word_that_a_terminal_would_obey_is_shown_as_its_escape() -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "\x1b[2J")))
    assert suggest(FixedEngine([1, 1, 2]), tokenizer, "")[0].text == r"\x1b[2J"


def test_asking_for_none_is_refused() -> None:
    with pytest.raises(SettingError, match="`k` must be at least 1, but is 0"):
        suggest(FixedEngine([1.0] * 12), word_tokenizer(), "He", k=0)
