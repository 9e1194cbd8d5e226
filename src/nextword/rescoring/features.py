"""All that tuning needs to know of scored lists, in arrays: a set of weights then costs one product."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Features(NamedTuple):
    """The hypotheses of `U` utterances, `N` in all, one list after the other.

    Attributes:
        values: What is weighted `(N, F)`: the model's log-probability, the number of words, scores of the first pass.
        errors: Word errors of each hypothesis `(N,)`.
        begins: The first hypothesis of each utterance, and `N` `(U + 1,)`.
    """

    values: Floats
    errors: Integers
    begins: Integers

    @classmethod
    def of(cls, values: Sequence[Floats], errors: Sequence[Integers]) -> "Features":
        """Put together the features `(n, F)` and the errors `(n,)` of each utterance's hypotheses."""
        begins = np.cumsum([0, *map(len, errors)])
        return cls(np.concatenate(values), np.concatenate(errors), begins)

    @property
    def num_utterances(self) -> int:
        """Number of lists `U`."""
        return len(self.begins) - 1

    def chosen(self, weights: Floats) -> Integers:
        """Return the hypothesis of each utterance `(U,)` with the highest total, of equals the first."""
        return first_of_highest(self.values @ weights, self.begins)

    def num_errors(self, weights: Floats) -> int:
        """Return the word errors that `weights` `(F,)` leave."""
        return int(self.errors[self.chosen(weights)].sum())

    def of_utterances(self, kept: NDArray[np.bool_]) -> "Features":
        """Return the features of the utterances that are `kept` `(U,)`."""
        sizes = np.diff(self.begins)
        rows = np.repeat(kept, sizes)
        return Features(self.values[rows], self.errors[rows], np.concatenate(([0], np.cumsum(sizes[kept]))))

    def spread(self) -> Floats:
        """Return the standard deviation of each feature within a list `(F,)`: how much it can decide."""
        sizes = np.diff(self.begins)
        means = np.add.reduceat(self.values, self.begins[:-1]) / sizes[:, None]
        found: Floats = np.sqrt(np.square(self.values - np.repeat(means, sizes, axis=0)).mean(axis=0))
        return found


def first_of_highest(values: Floats, begins: Integers) -> Integers:
    """Return the place of the highest value `(U,)` in each segment of `values` `(N,)`, of equals the first.

    Example:
        >>> first_of_highest(np.array([1.0, 3.0, 3.0, 2.0]), np.array([0, 3, 4])).tolist()
        [1, 3]
    """
    highest = np.repeat(np.maximum.reduceat(values, begins[:-1]), np.diff(begins))
    places = np.where(values == highest, np.arange(len(values)), len(values))
    return np.minimum.reduceat(places, begins[:-1])
