"""A text read word by word by an n-gram model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nextword.engine.ngram.backoff_model import BackoffModel


class BackoffScore(NamedTuple):
    """The probability of a word.

    Attributes:
        log10_prob: Logarithm to the base 10 of the word's probability.
        ngram_length: Length of the n-gram that gave it, the word included.
        is_known: Whether the model holds the word.
        after: The context after the word.
    """

    log10_prob: float
    ngram_length: int
    is_known: bool
    after: BackoffContext


class BackoffContext:
    """The words before a word; immutable.

    Args:
        model: The model.
        word_ids: The words that have been read. Only those that later probabilities depend on are kept.

    Attributes:
        word_ids: These words.
    """

    def __init__(self, model: BackoffModel, word_ids: tuple[int, ...]) -> None:
        self.word_ids = model.shortest_context(word_ids)
        self._model = model

    @classmethod
    def start(cls, model: BackoffModel, *, bos: bool) -> BackoffContext:
        """Return the context at the start of a sentence or, without `bos`, one without words."""
        return cls(model, (model.begin_id,) if bos else ())

    @property
    def key(self) -> bytes:
        """Bytes that are equal if and only if the words are."""
        return np.array(self.word_ids, ">i4").tobytes()

    def score(self, word: str) -> BackoffScore:
        """Return the probability of the next word, and the context after it."""
        word_id = self._model.id_of(word)
        words = (*self.word_ids, word_id)
        log10_probs, lengths = self._model.score(np.array(words))
        after = BackoffContext(self._model, words)
        return BackoffScore(float(log10_probs[-1]), int(lengths[-1]), word_id != self._model.unknown_id, after)
