"""The token ids of a cut shard."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nextword.text.cut_text import CutShard
from nextword.text.tokenizer import Tokenizer


class UnitIds:
    """A table from the units of a shard to token ids.

    Args:
        tokenizer: The tokenizer.
        units: The units in the order of their numbers from 1; number 0 is a line end.
    """

    def __init__(self, tokenizer: Tokenizer, units: Sequence[str]) -> None:
        end = [tokenizer.vocabulary.end_id]
        if tokenizer.kind == "subword":
            encoded = [end, *tokenizer.encode_units(units)]
            self._lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
            self._table = np.fromiter(chain.from_iterable(encoded), np.dtype("<i4"), int(self._lengths.sum()))
        else:
            self._table = np.array([*end, *tokenizer.vocabulary.ids_of(units)], np.dtype("<i4"))
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
