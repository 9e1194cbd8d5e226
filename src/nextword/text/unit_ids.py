"""The token ids of a cut shard."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nextword.text.cut_text import CutShard
from nextword.text.tokenizer import Tokenizer

_ROUND = 2**20


class UnitIds:
    """A table from the units of a shard to token ids.

    Args:
        tokenizer: The tokenizer.
        units: The units in the order of their numbers from 1; number 0 is a line end.
    """

    def __init__(self, tokenizer: Tokenizer, units: Sequence[str]) -> None:
        self._tokenizer, self._units = tokenizer, units
        end = [tokenizer.vocabulary.end_id]
        if tokenizer.kind == "subword":
            encoded = [end, *tokenizer.encode_units(units)]
            self._unknown = [number for number, ids in enumerate(encoded) if tokenizer.vocabulary.unknown_id in ids]
            self._lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
            self._table = np.fromiter(chain.from_iterable(encoded), np.dtype("<i4"), int(self._lengths.sum()))
        else:
            self._table = np.array([*end, *tokenizer.vocabulary.ids_of(units)], np.dtype("<i4"))
            self._unknown = np.flatnonzero(self._table == tokenizer.vocabulary.unknown_id).tolist()
            self._lengths = np.ones(0, np.int64)

    def encoded(self, shard: CutShard) -> Iterator[NDArray[np.int32]]:
        """Yield the token ids of a shard, in arrays of bounded size `(T,)`."""
        starts = np.cumsum(self._lengths) - self._lengths
        for numbers in shard.ids():
            if not self._lengths.size:
                yield self._table[numbers]
                continue
            lengths = self._lengths[numbers]
            before = np.cumsum(lengths) - lengths  # tokens of the units before
            within = np.arange(int(lengths.sum())) - np.repeat(before, lengths)
            yield self._table[np.repeat(starts[numbers], lengths) + within]

    def spelling_log_prob(self, shard: CutShard) -> float:
        """Return the natural log-probability of the spellings of all tokens of a shard that are out of vocabulary."""
        if not self._unknown:
            return 0.0
        costs = np.zeros(len(self._units) + 1)
        for number in self._unknown:
            unit = self._units[number - 1]
            tokens = (
                self._tokenizer.cut(unit) if self._lengths.size else [(unit, self._tokenizer.vocabulary.unknown_id)]
            )
            costs[number] = sum(self._tokenizer.spelling_log_probs(tokens))
        costs = np.rint(costs * _ROUND) / _ROUND  # sums are exact then, and the same for any number of shards
        return sum(float(costs[numbers].sum()) for numbers in shard.ids())
