r"""N-gram models with interpolated modified Kneser-Ney smoothing.

With $c$ the counts and $D$ the discounts, the shares of an `InterpolatedModel` and what they leave over are

$$s(u w) = \frac{c(u w) - D_{c(u w)}}{\sum_v c(u v)}, \qquad \gamma(u) = \frac{\sum_v D_{c(u v)}}{\sum_v c(u v)}.$$

The probability of a single token is mixed with the uniform distribution.

Source:
    Kneser and Ney (1995), "Improved backing-off for m-gram language modeling"; Chen and Goodman (1999), "An empirical
    study of smoothing techniques for language modeling", equation 4.
"""

from dataclasses import replace
from typing import Any, Self, override

import numpy as np
from numpy.typing import NDArray

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.mixture.interpolated_model import ABSENT, CountTable, Floats, Integers, InterpolatedModel, Level
from nextword.errors import SettingError
from nextword.text.batching.window import TokenIds

FALLBACK = (0.5, 1.0, 1.5)
"""The discounts of counts 1, 2, and 3 or more, for a text that is too short to estimate them."""


def discounts_of(counts: Integers) -> NDArray[np.float64]:
    r"""Return the discount $D_c$ of each count 0, 1, 2 and 3 or more, `(4,)`.

    With $n_c$ the number of n-grams whose count is $c$, and $Y = n_1 / (n_1 + 2 n_2)$,

    $$D_0 = 0, \quad D_c = c - (c + 1) \, Y \, n_{c+1} / n_c.$$

    If some $n_c$ is zero, or a discount is not in $0 < D_c \le c$, all three are `FALLBACK`.
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


class KneserNeyModel(InterpolatedModel):
    """A distribution over the next token given the last `order - 1` tokens, fitted to a text in seconds.

    Args:
        tables: The result of `count_ngrams`.

    Example:
        >>> model = KneserNeyModel.fit(np.array([1, 2, 0, 1, 2, 0], np.int32), 3, vocabulary_size=4, end_id=0)
        >>> probabilities = model.probabilities(np.array([[0, 1]]))
        >>> int(probabilities.argmax()), round(float(probabilities.sum()), 12)
        (2, 1.0)
    """

    def __init__(self, tables: list[CountTable]) -> None:
        counts = tables[0].counts
        discounts = discounts_of(counts)[np.minimum(counts, 3)]
        singles: Floats = (counts - discounts + discounts.sum() / len(counts)) / counts.sum()
        pairs = zip(tables[1:], tables[:-1], strict=True)
        super().__init__(singles, [_level(table, len(shorter.keys)) for table, shorter in pairs])

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


def _level(table: CountTable, num_contexts: int) -> Level:
    """Return the n-grams with their discounted shares."""
    contexts = table.contexts
    discounts = discounts_of(table.counts)[np.minimum(table.counts, 3)]
    totals = np.bincount(contexts, table.counts, minlength=num_contexts)
    taken = np.bincount(contexts, discounts, minlength=num_contexts)
    left_over = np.divide(taken, totals, out=np.ones(num_contexts), where=totals > 0)
    return Level.of(table, (table.counts - discounts) / totals[contexts], left_over)


class NgramModelEngine(DistributionEngine):
    """Predicts with an n-gram model and nothing else.

    A state holds the last tokens read `(B, order - 1)`, int32, never changed in place.
    """

    def __init__(self, model: KneserNeyModel, *, end_id: int) -> None:
        super().__init__(vocabulary_size=model.vocabulary_size, end_id=end_id)
        self._model = model

    def start(self, batch_size: int) -> State:
        """Return the state at the start of a text, after one `<eos>`."""
        return np.full((batch_size, self._model.order - 1), self.end_id, np.int32)

    @override
    def predict_window(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, State]:
        length = self._model.order - 1
        read = np.concatenate((state, inputs), axis=1).astype(np.int32)  # (B, order - 1 + T)
        contexts = np.lib.stride_tricks.sliding_window_view(read, length, axis=1)[:, 1:] if length else read[..., :0]
        log_probs = self._model.log_probs(contexts.reshape(inputs.size, length))
        log_probs = log_probs.reshape(*inputs.shape, self.vocabulary_size)
        return WindowPrediction(log_probs, None), read[:, read.shape[1] - length :]
