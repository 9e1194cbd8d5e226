"""A set of sums of texts, by which repeated documents and lines are found."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.uint64]
"""128-bit sums `(N, 2)`. Two texts have the same sum only if they are the same, but for a chance of 1 in 10**20 among
a billion."""

_FIRST_SIZE = 2**12


def sums_of(texts: Sequence[str]) -> Sums:
    """Return the sum of each text `(N, 2)`; half a surrogate pair counts as a character."""
    data = b"".join(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
    sums = np.frombuffer(data, np.dtype("<u8")).reshape(-1, 2).astype(np.uint64)
    sums[:, 1] |= np.uint64(1)  # zeros are free places
    return sums


class SeenSums:
    """The sums of all texts so far: 32 to 64 bytes of memory for each.

    Example:
        >>> seen = SeenSums()
        >>> seen.add(sums_of(["one", "two", "one"])).tolist(), seen.add(sums_of(["two", "three"])).tolist()
        ([True, True, False], [False, True])
    """

    def __init__(self) -> None:
        self._table = np.zeros((_FIRST_SIZE, 2), np.uint64)
        self._num_sums = 0

    def add(self, sums: Sums) -> NDArray[np.bool_]:
        """Add sums, and return which of them were not there before `(N,)`; of equal ones, the first."""
        is_new = np.zeros(len(sums), np.bool_)
        _, first = np.unique(sums.view("V16").ravel(), return_index=True)
        while 2 * (self._num_sums + first.size) > len(self._table):
            self._grow()
        is_new[first] = self._insert(sums[first])
        self._num_sums += int(np.count_nonzero(is_new))
        return is_new

    def _grow(self) -> None:
        kept = self._table[self._table[:, 1] != 0]
        self._table = np.zeros((2 * len(self._table), 2), np.uint64)
        self._insert(kept)

    def _insert(self, sums: Sums) -> NDArray[np.bool_]:
        """Put distinct sums in the table, and return which of them it lacked."""
        is_new = np.zeros(len(sums), np.bool_)
        places = (sums[:, 0] % np.uint64(len(self._table))).astype(np.int64)
        waiting = np.arange(len(sums))
        while waiting.size:
            at, wanted = places[waiting], sums[waiting]
            found = self._table[at]
            free = found[:, 1] == 0
            self._table[at[free]] = wanted[free]  # of several for one place, the last gets it
            is_new[waiting[free]] = (self._table[at[free]] == wanted[free]).all(axis=1)
            is_there = (self._table[at] == wanted).all(axis=1)
            waiting = waiting[~is_there]
            places[waiting] = (places[waiting] + 1) % len(self._table)
        return is_new
