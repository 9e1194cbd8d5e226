r"""N-gram models with interpolated modified Kneser-Ney smoothing.

With $c$ the counts, $D$ the discounts, and $u'$ the context $u$ without its first token,

$$p(w \mid u) = \frac{c(u w) - D_{c(u w)}}{\sum_v c(u v)} + \gamma(u) \, p(w \mid u'), \qquad
\gamma(u) = \frac{\sum_v D_{c(u v)}}{\sum_v c(u v)},$$

down to the single token, whose probability is mixed with the uniform distribution. If a context was not seen in
training, the shorter context is used.

Source:
    Kneser and Ney (1995), "Improved backing-off for m-gram language modeling"; Chen and Goodman (1999), "An empirical
    study of smoothing techniques for language modeling", equation 4.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.text.batching.window import TokenIds

FALLBACK = (0.5, 1.0, 1.5)
"""The discounts of counts 1, 2, and 3 or more, for a text that is too short to estimate them."""

Integers = NDArray[np.int64]

ABSENT = -1
"""The number of an n-gram that is not in the text."""

Floats = NDArray[np.float64]


def discounts_of(counts: Integers) -> NDArray[np.float64]:
    r"""Return the discount $D_c$ of each count 0, 1, 2 and 3 or more, `(4,)`.

    With $n_c$ the number of n-grams whose count is $c$, and $Y = n_1 / (n_1 + 2 n_2)$,

    $$D_0 = 0, \quad D_c = c - (c + 1) \, Y \, n_{c+1} / n_c.$$

    If some $n_c$ is zero, or a discount is not in $0 < D_c \le c$, all three are `FALLBACK`.

    Example:
        >>> discounts_of(np.array([1, 1, 1, 1, 2, 2, 3, 4])).round(3).tolist()
        [0.0, 0.5, 1.25, 1.0]
    """
    of_count = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    fallback = np.array([0.0, *FALLBACK])
    if not of_count[1:5].all():
        return fallback
    factor = of_count[1] / (of_count[1] + 2 * of_count[2])
    count = np.arange(1, 4)
    discounts = count - (count + 1) * factor * of_count[2:5] / of_count[1:4]
    if (discounts <= 0).any() or (discounts > count).any():
        return fallback
    return np.concatenate(([0.0], discounts))


@dataclass(frozen=True, eq=False)
class CountTable:
    """N-grams of one length. Each is a shorter n-gram, its context, and the token after it.

    Attributes:
        vocabulary_size: `V`.
        keys: `context * V + token` of each n-gram, ascending `(G,)`. The number of an n-gram is the place of its key;
            the number of a single token is its id. A context is a number in the table of the next shorter length.
        counts: The count of each n-gram `(G,)`; empty in a table that only finds n-grams.
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
        """Return the number of the n-gram of each context and token, or `ABSENT`; all arrays have one shape."""
        if not len(self.keys):
            return np.full(contexts.shape, ABSENT)
        keys = contexts * self.vocabulary_size + tokens
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where((contexts != ABSENT) & (self.keys[places] == keys), places, ABSENT)


def count_ngrams(ids: TokenIds, order: int, *, vocabulary_size: int, end_id: int) -> list[CountTable]:
    """Count the n-grams of a text `(N,)`, of all lengths from 1 to `order`, as Kneser and Ney do.

    The count of a longest n-gram is how often it occurs. The count of a shorter one is how many different tokens occur
    before it. N-grams that begin with `<eos>` have no token before them, so their count is how often they occur.
    """
    read = np.concatenate(([end_id], ids)).astype(np.int64)
    singles = np.bincount(ids, minlength=vocabulary_size)
    tables = [CountTable(vocabulary_size, np.arange(vocabulary_size), singles)]
    numbers = read  # number of the n-gram of the current length that ends at each position
    after_end = np.zeros(vocabulary_size, bool)  # which n-grams of the current length begin with `<eos>`
    for length in range(2, order + 1):
        contexts = np.concatenate(([ABSENT], numbers[:-1]))
        if length > 2:
            contexts[1:][read[:-1] == end_id] = ABSENT
        whole = np.flatnonzero(contexts != ABSENT)
        keys, firsts, places, counts = np.unique(
            contexts[whole] * vocabulary_size + read[whole], return_index=True, return_inverse=True, return_counts=True
        )
        shorter, longer = tables[-1], CountTable(vocabulary_size, keys, counts)
        num_before = np.bincount(numbers[whole[firsts]], minlength=len(shorter.keys))
        tables[-1] = replace(shorter, counts=np.where(after_end, shorter.counts, num_before))
        tables.append(longer)
        after_end = longer.contexts == end_id if length == 2 else after_end[longer.contexts]
        numbers = np.full(len(read), ABSENT)
        numbers[whole] = places
    return tables


class _Level(NamedTuple):
    r"""The n-grams of one length, `G` of them after `C` contexts.

    Each array has one element more, which the number `ABSENT`, -1, finds: with it, the shorter context decides alone.

    Attributes:
        table: The n-grams.
        tokens: The last token of each `(G + 1,)`.
        shares: The discounted share of each in its context `(G + 1,)`.
        left_over: The weight of the shorter context, $\gamma(u)$ `(C + 1,)`.
        begins: The number of the first n-gram of each context `(C + 1,)`.
        sizes: Number of n-grams of each context `(C + 1,)`.
    """

    table: CountTable
    tokens: Integers
    shares: Floats
    left_over: Floats
    begins: Integers
    sizes: Integers


class KneserNeyEntries(NamedTuple):
    """The n-grams of one length in a Kneser-Ney model, `G` of them, in the order of their numbers.

    Attributes:
        contexts: The number of each one's context `(G,)`; 0 for single tokens.
        tokens: The last token of each `(G,)`.
        probabilities: The interpolated probability of that token after the context `(G,)`.
        weights: The weight of the shorter context if the n-gram is the context `(G,)`.
    """

    contexts: Integers
    tokens: Integers
    probabilities: Floats
    weights: Floats


class KneserNeyModel:
    """A distribution over the next token given the last `order - 1` tokens, fitted to a text in seconds.

    Args:
        tables: The result of `count_ngrams`.

    Attributes:
        order: Length of the longest n-grams.
        vocabulary_size: `V`.
        num_ngrams: How many n-grams of each length from 1 to `order` there are.

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
        self.num_ngrams = [len(table.keys) for table in tables]
        self._levels = [_level(table, size) for table, size in zip(tables[1:], self.num_ngrams[:-1], strict=True)]

    @classmethod
    def fit(cls, ids: TokenIds, order: int, *, vocabulary_size: int, end_id: int) -> Self:
        """Fit a model to the ids of a text `(N,)`.

        Raises:
            SettingError: There are no tokens, or `order` is below 1.
        """
        if order < 1:
            raise SettingError(f"`order` must be at least 1, but is {order}")
        if not len(ids):
            raise SettingError("an n-gram model needs at least one token to fit, but got none; give more text")
        return cls(count_ngrams(ids, order, vocabulary_size=vocabulary_size, end_id=end_id))

    def probabilities(self, contexts: NDArray[np.integer]) -> Floats:
        """Return the distribution `(N, V)` of the token after each context `(N, order - 1)`, the latest token last."""
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

    def log_probs(self, contexts: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the natural logarithms of `probabilities`."""
        return np.log(self.probabilities(contexts)).astype(np.float32)

    def token_probabilities(self, contexts: NDArray[np.integer], tokens: NDArray[np.integer]) -> Floats:
        """Return the probability of each token `(N,)` after its context `(N, order - 1)`."""
        probabilities: Floats = self._singles[tokens]
        for level, numbers in zip(self._levels, self._numbers(contexts), strict=True):
            own = level.table.numbers(numbers, tokens)
            probabilities = level.shares[own] + level.left_over[numbers] * probabilities
        return probabilities

    def entries(self) -> Iterator["KneserNeyEntries"]:
        """Yield the n-grams of each length from 1 to the order, with their probabilities and weights."""
        probabilities = self._singles
        tokens, contexts = np.arange(self.vocabulary_size), np.zeros(self.vocabulary_size, np.int64)
        # The place of an n-gram's last `length - 1` tokens in the table of that length.
        shorter = np.zeros(self.vocabulary_size, np.int64)
        for index in range(self.order):
            longer = self._levels[index] if index + 1 < self.order else None
            weights = longer.left_over[:-1] if longer else np.ones(len(tokens))
            yield KneserNeyEntries(contexts, tokens, probabilities, weights)
            if longer is None:
                return
            contexts, tokens = longer.table.contexts, longer.table.tokens
            previous = self._levels[index - 1].table if index else None
            shorter = previous.numbers(shorter[contexts], tokens) if previous else tokens
            probabilities = longer.shares[:-1] + longer.left_over[contexts] * probabilities[shorter]

    def _numbers(self, contexts: NDArray[np.integer]) -> list[Integers]:
        """Return the number of each context's last token, last two tokens, ..., last `order - 1` tokens."""
        numbers_by_length = []
        for length in range(1, self.order):
            numbers = contexts[:, -length].astype(np.int64)
            for level, tokens in zip(self._levels, contexts.T[self.order - length :], strict=False):
                numbers = level.table.numbers(numbers, tokens)
            numbers_by_length.append(numbers)
        return numbers_by_length


def contexts_of(ids: TokenIds, order: int, *, end_id: int) -> TokenIds:
    """Return the context of each token of a text `(N,)`: the `order - 1` tokens before it `(N, order - 1)`.

    Places before the start of the text are filled with `<eos>`.
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
    """Return row and place of the `sizes` elements from `begins` on, row after row."""
    rows = np.repeat(np.arange(len(sizes)), sizes)
    firsts = np.cumsum(sizes) - sizes
    return rows, np.arange(len(rows)) - firsts[rows] + begins[rows]
