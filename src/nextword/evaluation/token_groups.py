"""Where a model errs: its tokens in groups, by how frequent they are and by where they stand in a sentence."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.engine.stream import ScoredTokens
from nextword.storage.strict_json import finite

FREQUENCY_RANKS = (10, 100, 1_000, 10_000)
"""The last rank in the training vocabulary of each group but the last; ids are sorted by frequency."""

PLACES = (1, 2, 3, 5, 10, 20)
"""The last place in a sentence of each group but the last."""


@dataclass(frozen=True)
class TokenGroup:
    """How well the tokens of a group were predicted.

    Attributes:
        label: Which tokens they are, such as `11-100`.
        num_tokens: How many there are.
        num_correct: How many of them were the most probable token.
        log_prob: Natural logarithm of the product of their probabilities.
    """

    label: str
    num_tokens: int
    num_correct: int
    log_prob: float

    @property
    def accuracy(self) -> float | None:
        """The fraction predicted right; `None` in an empty group."""
        return self.num_correct / self.num_tokens if self.num_tokens else None

    @property
    def bits_per_token(self) -> float | None:
        """The mean surprisal in bits; `None` in an empty group."""
        return -self.log_prob / math.log(2) / self.num_tokens if self.num_tokens else None

    def to_table(self) -> dict[str, Any]:
        """Return the group for JSON; a figure that is infinite, or of no tokens, is `None`."""
        return {
            "label": self.label,
            "num_tokens": self.num_tokens,
            "accuracy": self.accuracy,
            "bits_per_token": finite(self.bits_per_token),
        }


class GroupTally:
    """Counts the tokens of a text into groups, whose last numbers are `bounds`; one more group holds the rest.

    Example:
        >>> [group.label for group in GroupTally((1, 2, 5)).groups()]
        ['1', '2', '3-5', 'over 5']
    """

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self._bounds = bounds
        size = len(bounds) + 1
        self._num_tokens = np.zeros(size, np.int64)
        self._num_correct = np.zeros(size, np.int64)
        self._log_prob = np.zeros(size, np.float64)

    def add(self, numbers: NDArray[np.integer[Any]], scored: ScoredTokens) -> None:
        """Count tokens, each in the group that its number `(N,)`, at least 1, falls into."""
        groups = np.searchsorted(self._bounds, numbers)
        size = len(self._bounds) + 1
        self._num_tokens += np.bincount(groups, minlength=size)
        self._num_correct += np.bincount(groups[scored.ranks == 1], minlength=size)
        self._log_prob += np.bincount(groups, scored.log_probs, minlength=size)

    def groups(self) -> tuple[TokenGroup, ...]:
        """Return the groups counted so far."""
        labels = [
            f"{last:,}" if last == before + 1 else f"{before + 1:,}-{last:,}"
            for before, last in pairwise((0, *self._bounds))
        ]
        counts = zip(self._num_tokens.tolist(), self._num_correct.tolist(), self._log_prob.tolist(), strict=True)
        labels.append(f"over {self._bounds[-1]:,}")
        return tuple(TokenGroup(label, *count) for label, count in zip(labels, counts, strict=True))
