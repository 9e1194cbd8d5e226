r"""The n-gram model that neural ones are measured against.

Interpolated modified Kneser-Ney smoothing: with $c$ the counts of `nextword.ngram.counting`, $D$ the discounts of
`nextword.ngram.discounts`, and $u'$ the context $u$ without its first token,

$$p(w \mid u) = \frac{c(u w) - D_{c(u w)}}{\sum_v c(u v)} + \gamma(u) \, p(w \mid u'), \qquad
\gamma(u) = \frac{\sum_v D_{c(u v)}}{\sum_v c(u v)},$$

down to the single token, which is mixed with the uniform distribution. A context that was not seen is passed over.

Source:
    Kneser and Ney (1995), "Improved backing-off for m-gram language modeling"; Chen and Goodman (1999), "An empirical
    study of smoothing techniques for language modeling", equation 4.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.errors import SettingError
from nextword.ngram.count_table import CountTable, Integers
from nextword.ngram.counting import count_ngrams
from nextword.ngram.discounts import discounts_of

Floats = NDArray[np.float64]


class _Level(NamedTuple):
    r"""The n-grams of one length, `G` of them after `C` contexts.

    Each array has an element more than it needs, for the number `ABSENT`, -1, to find what leaves nothing changed.

    Attributes:
        table: The n-grams.
        tokens: The last token of each `(G + 1,)`.
        shares: The discounted share of each in its context `(G + 1,)`.
        left_over: What the discounts leave to the shorter context $\gamma(u)$ `(C + 1,)`.
        begins: The first n-gram of each context `(C + 1,)`.
        sizes: How many there are `(C + 1,)`.
    """

    table: CountTable
    tokens: Integers
    shares: Floats
    left_over: Floats
    begins: Integers
    sizes: Integers


class KneserNeyModel:
    """A distribution over the next token from the last `order - 1`, fitted to a text in seconds.

    Args:
        tables: What `count_ngrams` returned.

    Example:
        >>> model = KneserNeyModel.fit(np.array([1, 2, 0, 1, 2, 0], np.int32), 3, vocabulary_size=4, end_id=0)
        >>> probabilities = model.probabilities(np.array([[0, 1]]))
        >>> int(probabilities.argmax()), round(float(probabilities.sum()), 12)
        (2, 1.0)
    """

    def __init__(self, tables: list[CountTable]) -> None:
        singles = tables[0]
        self.order = len(tables)
        self.vocabulary_size = singles.vocabulary_size
        discounts = discounts_of(singles.counts)[np.minimum(singles.counts, 3)]
        total = singles.counts.sum()
        self._singles: Floats = (singles.counts - discounts + discounts.sum() / self.vocabulary_size) / total
        sizes = [len(table.keys) for table in tables]
        self._levels = [_level(table, size) for table, size in zip(tables[1:], sizes[:-1], strict=True)]

    @classmethod
    def fit(cls, ids: TokenIds, order: int, *, vocabulary_size: int, end_id: int) -> Self:
        """Return the model of a text `(N,)`.

        Raises:
            SettingError: There are no tokens, or `order` is below 1.
        """
        if order < 1:
            raise SettingError(f"`order` must be at least 1, but is {order}")
        if not len(ids):
            raise SettingError("an n-gram model must be fitted to at least one token, but got none; give more text")
        return cls(count_ngrams(ids, order, vocabulary_size=vocabulary_size, end_id=end_id))

    def probabilities(self, contexts: NDArray[np.integer]) -> Floats:
        """Return the distribution of the token `(N, V)` after each context `(N, order - 1)`, the latest token last."""
        scale = np.ones(len(contexts))
        seen = []
        for level, numbers in zip(self._levels[::-1], self._numbers(contexts)[::-1], strict=True):
            seen.append((level, numbers, scale))
            scale = scale * level.left_over[numbers]
        probabilities: Floats = scale[:, None] * self._singles
        for level, numbers, scale in seen:
            rows, places = _ragged(level.begins[numbers], level.sizes[numbers])
            probabilities[rows, level.tokens[places]] += scale[rows] * level.shares[places]
        return probabilities

    def token_probabilities(self, contexts: NDArray[np.integer], tokens: NDArray[np.integer]) -> Floats:
        """Return the probability of each token `(N,)` after its context `(N, order - 1)`."""
        probabilities: Floats = self._singles[tokens]
        for level, numbers in zip(self._levels, self._numbers(contexts), strict=True):
            own = level.table.numbers(numbers, tokens)
            probabilities = level.shares[own] + level.left_over[numbers] * probabilities
        return probabilities

    def _numbers(self, contexts: NDArray[np.integer]) -> list[Integers]:
        """Return the number of each context's last token, last two tokens, ..., last `order - 1` tokens."""
        found = []
        for length in range(1, self.order):
            numbers = contexts[:, -length].astype(np.int64)
            for level, tokens in zip(self._levels, contexts.T[self.order - length :], strict=False):
                numbers = level.table.numbers(numbers, tokens)
            found.append(numbers)
        return found


def contexts_of(ids: TokenIds, order: int, *, end_id: int) -> TokenIds:
    """Return what stands before each token of a text `(N,)`, the `order - 1` nearest `(N, order - 1)`.

    What would stand before the text is `<eos>`, again and again.
    """
    read = np.concatenate((np.full(order - 1, end_id), ids)).astype(np.int32)
    return np.lib.stride_tricks.sliding_window_view(read, order - 1)[: len(ids)] if order > 1 else read[:, None][:, :0]


def _level(table: CountTable, num_contexts: int) -> _Level:
    contexts = table.contexts
    discounts = discounts_of(table.counts)[np.minimum(table.counts, 3)]
    totals = np.bincount(contexts, table.counts, minlength=num_contexts)
    taken = np.bincount(contexts, discounts, minlength=num_contexts)
    bounds = np.searchsorted(contexts, np.arange(num_contexts + 1))
    return _Level(
        table,
        tokens=np.append(table.tokens, 0),
        shares=np.append((table.counts - discounts) / totals[contexts], 0.0),
        left_over=np.append(np.divide(taken, totals, out=np.ones(num_contexts), where=totals > 0), 1.0),
        begins=np.append(bounds[:-1], 0),
        sizes=np.append(np.diff(bounds), 0),
    )


def _ragged(begins: Integers, sizes: Integers) -> tuple[Integers, Integers]:
    """Return the row and the element of each of `sizes` elements from `begins` on, row after row."""
    rows = np.repeat(np.arange(len(sizes)), sizes)
    firsts = np.cumsum(sizes) - sizes
    return rows, np.arange(len(rows)) - firsts[rows] + begins[rows]
