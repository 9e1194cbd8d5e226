"""The distinct n-grams of one length, in arrays that are looked up by bisection."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

ABSENT = -1
"""The number of an n-gram that a text does not hold."""


@dataclass(frozen=True, eq=False)
class CountTable:
    """N-grams, each a shorter one, its context, and the token that follows.

    Attributes:
        vocabulary_size: `V`.
        keys: `context * V + token` of each, ascending `(G,)`. A context is the number of an n-gram in the table of the
            next shorter length; the place of a key is the number of its n-gram. That of a single token is its id.
        counts: How often each stands in the text, or whatever stands for that `(G,)`.
    """

    vocabulary_size: int
    keys: Integers
    counts: Integers

    @property
    def tokens(self) -> Integers:
        """The last token of each n-gram `(G,)`."""
        return self.keys % self.vocabulary_size

    @property
    def contexts(self) -> Integers:
        """The context of each n-gram `(G,)`."""
        return self.keys // self.vocabulary_size

    def numbers(self, contexts: Integers, tokens: NDArray[np.integer]) -> Integers:
        """Return the number of each n-gram of a context and a token, or `ABSENT`, in the shape of both."""
        if not len(self.keys):
            return np.full(contexts.shape, ABSENT)
        wanted = contexts * self.vocabulary_size + tokens
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((contexts != ABSENT) & (self.keys[places] == wanted), places, ABSENT)
