"""The features of scored n-best lists as arrays, so that one matrix product evaluates a set of weights."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Features(NamedTuple):
    """The `N` hypotheses of `U` utterances, one list after the other.

    Attributes:
        values: The features `(N, F)`: the model's log-probability, the number of words, and the first-pass scores.
        errors: Word errors of each hypothesis `(N,)`.
        begins: Index of the first hypothesis of each utterance, and `N` at the end `(U + 1,)`.
    """

    values: Floats
    errors: Integers
    begins: Integers

    @classmethod
    def of(cls, values: Sequence[Floats], errors: Sequence[Integers]) -> "Features":
        """Concatenate the features `(n, F)` and the errors `(n,)` of all utterances."""
        begins = np.cumsum([0, *map(len, errors)])
        return cls(np.concatenate(values), np.concatenate(errors), begins)

    @property
    def num_utterances(self) -> int:
        """Number of lists `U`."""
        return len(self.begins) - 1

    def chosen(self, weights: Floats) -> Integers:
        """Return the index of the hypothesis with the highest total for each utterance `(U,)`, the first of ties."""
        return first_of_highest(self.values @ weights, self.begins)

    def num_errors(self, weights: Floats) -> int:
        """Return the total word errors with `weights` `(F,)`."""
        return int(self.errors[self.chosen(weights)].sum())

    def of_utterances(self, kept: NDArray[np.bool_]) -> "Features":
        """Select the utterances that are `kept` `(U,)`."""
        sizes = np.diff(self.begins)
        rows = np.repeat(kept, sizes)
        return Features(self.values[rows], self.errors[rows], np.concatenate(([0], np.cumsum(sizes[kept]))))

    def spread(self) -> Floats:
        """Return the standard deviation of each feature within the lists `(F,)`."""
        sizes = np.diff(self.begins)
        means = np.add.reduceat(self.values, self.begins[:-1]) / sizes[:, None]
        found: Floats = np.sqrt(np.square(self.values - np.repeat(means, sizes, axis=0)).mean(axis=0))
        return found


def first_of_highest(values: Floats, begins: Integers) -> Integers:
    """Return the index of the highest value in each segment of `values` `(N,)`, the first of ties `(U,)`.

    Example:
        >>> first_of_highest(np.array([1.0, 3.0, 3.0, 2.0]), np.array([0, 3, 4])).tolist()
        [1, 3]
    """
    highest = np.repeat(np.maximum.reduceat(values, begins[:-1]), np.diff(begins))
    places = np.where(values == highest, np.arange(len(values)), len(values))
    return np.minimum.reduceat(places, begins[:-1])
