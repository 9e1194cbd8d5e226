r"""N-gram models in interpolated form.

With $s$ the shares that a model holds, and $u'$ the context $u$ without its first token,

$$p(w \mid u) = s(u w) + \gamma(u) \, p(w \mid u'), \qquad \gamma(u) = 1 - \sum_v s(u v),$$

down to the single token. A context without n-grams has $\gamma(u) = 1$: the shorter context decides alone. Any n-gram
can therefore be left out, and the distributions still sum to 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nextword.text.batching.window import TokenIds

Integers = NDArray[np.int64]

ABSENT = -1
"""The number of an n-gram that is not in the model."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CountTable:
    """N-grams of one length. Each is a shorter n-gram, its context, and the token after it.

    The number of an n-gram is the place of its key; the number of a single token is its id. A context is a number in
    the table of the next shorter length.
    """

    vocabulary_size: int  # `V`
    keys: Integers  # `context * V + token` of each n-gram, ascending `(G,)`
    counts: Integers  # the count of each n-gram `(G,)`; empty in a table that only finds n-grams

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
        keys = contexts * self.vocabulary_size + tokens  # below 0 after an absent context, and so never found
        places = self.keys.searchsorted(keys)
        return np.where(self.keys.take(places, mode="clip") == keys, places, ABSENT)


class Level(NamedTuple):
    r"""The n-grams of one length, `G` of them after `C` contexts.

    Each array has one element more, which the number `ABSENT`, -1, finds: with it, the shorter context decides alone.
    """

    table: CountTable
    tokens: Integers  # the last token of each `(G + 1,)`
    shares: Floats  # the share of each in its context, $s(u w)$ `(G + 1,)`
    left_over: Floats  # the weight of the shorter context, $\gamma(u)$ `(C + 1,)`
    begins: Integers  # the number of the first n-gram of each context `(C + 1,)`
    sizes: Integers  # number of n-grams of each context `(C + 1,)`

    @classmethod
    def of(cls, table: CountTable, shares: Floats, left_over: Floats) -> Self:
        """Return the n-grams of a table with their shares `(G,)` and the weights of their contexts `(C,)`."""
        bounds = np.searchsorted(table.contexts, np.arange(len(left_over) + 1))
        return cls(
            table,
            tokens=np.append(table.tokens, 0),
            shares=np.append(shares, 0.0),
            left_over=np.append(left_over, 1.0),
            begins=np.append(bounds[:-1], 0),
            sizes=np.append(np.diff(bounds), 0),
        )


class NgramEntries(NamedTuple):
    """The n-grams of one length in a model, `G` of them, in the order of their numbers."""

    contexts: Integers  # the number of each one's context `(G,)`; 0 for single tokens
    tokens: Integers  # the last token of each `(G,)`
    probabilities: Floats  # the interpolated probability of that token after the context `(G,)`
    weights: Floats  # the weight of the shorter context if the n-gram is the context `(G,)`


class InterpolatedModel:
    """A distribution over the next token given the last `order - 1` tokens.

    It has the probability of each token after no context `(V,)`, and the n-grams of each length from 2 on.
    """

    def __init__(self, singles: Floats, levels: Sequence[Level]) -> None:
        self.order = 1 + len(levels)
        self.vocabulary_size = len(singles)
        self.num_ngrams = [len(singles), *(len(level.table.keys) for level in levels)]
        self.singles = singles
        self.levels = tuple(levels)

    def probabilities(self, contexts: NDArray[np.integer]) -> Floats:
        """Return the distribution `(N, V)` of the token after each context `(N, order - 1)`, the latest token last."""
        scale = np.ones(len(contexts))
        seen = []
        for level, numbers in zip(self.levels[::-1], self.numbers(contexts)[::-1], strict=True):
            seen.append((level, numbers, scale))
            scale = scale * level.left_over[numbers]
        probabilities: Floats = scale[:, None] * self.singles
        for level, numbers, scale in seen:
            rows, places = _ragged(level.begins[numbers], level.sizes[numbers])
            probabilities[rows, level.tokens[places]] += scale[rows] * level.shares[places]
        return probabilities

    def log_probs(self, contexts: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the natural logarithms of `probabilities`."""
        return np.log(self.probabilities(contexts)).astype(np.float32)

    def token_probabilities(self, contexts: NDArray[np.integer], tokens: NDArray[np.integer]) -> Floats:
        """Return the probability of each token `(N,)` after its context `(N, order - 1)`."""
        return self.probabilities_after(self.numbers(contexts), tokens)

    def probabilities_after(self, numbers: Iterable[Integers], tokens: NDArray[np.integer]) -> Floats:
        """Return the probability of each token `(...)`, given the numbers of its contexts, from the shortest on."""
        probabilities: Floats = self.singles[tokens]
        for level, contexts in zip(self.levels, numbers, strict=True):
            own = level.table.numbers(contexts, tokens)
            probabilities = level.shares[own] + level.left_over[contexts] * probabilities
        return probabilities

    def entries(self) -> Iterator[NgramEntries]:
        """Yield the n-grams of each length from 1 to the order, with their probabilities and weights."""
        probabilities = self.singles
        tokens, contexts = np.arange(self.vocabulary_size), np.zeros(self.vocabulary_size, np.int64)
        # The place of an n-gram's last `length - 1` tokens in the table of that length.
        shorter = np.zeros(self.vocabulary_size, np.int64)
        for index in range(self.order):
            longer = self.levels[index] if index + 1 < self.order else None
            weights = longer.left_over[:-1] if longer else np.ones(len(tokens))
            yield NgramEntries(contexts, tokens, probabilities, weights)
            if longer is None:
                return
            contexts, tokens = longer.table.contexts, longer.table.tokens
            previous = self.levels[index - 1].table if index else None
            shorter = previous.numbers(shorter[contexts], tokens) if previous else tokens
            probabilities = longer.shares[:-1] + longer.left_over[contexts] * probabilities[shorter]

    def numbers(self, contexts: NDArray[np.integer]) -> list[Integers]:
        """Return the number of each context's last token, last two tokens, ..., last `order - 1` tokens."""
        numbers_by_length = []
        for length in range(1, self.order):
            numbers = contexts[:, -length].astype(np.int64)
            for level, tokens in zip(self.levels, contexts.T[self.order - length :], strict=False):
                numbers = level.table.numbers(numbers, tokens)
            numbers_by_length.append(numbers)
        return numbers_by_length


def contexts_of(ids: TokenIds, order: int, *, end_id: int) -> TokenIds:
    """Return the context of each token of a text `(N,)`: the `order - 1` tokens before it `(N, order - 1)`.

    Places before the start of the text are filled with `<eos>`.
    """
    read = np.concatenate((np.full(order - 1, end_id), ids)).astype(np.int32)
    return np.lib.stride_tricks.sliding_window_view(read, order - 1)[: len(ids)] if order > 1 else read[:, None][:, :0]


def _ragged(begins: Integers, sizes: Integers) -> tuple[Integers, Integers]:
    """Return row and place of the `sizes` elements from `begins` on, row after row."""
    rows = np.repeat(np.arange(len(sizes)), sizes)
    firsts = np.cumsum(sizes) - sizes
    return rows, np.arange(len(rows)) - firsts[rows] + begins[rows]
