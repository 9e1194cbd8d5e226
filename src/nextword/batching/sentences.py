"""Sentences of unlike lengths, side by side: sorted by length, cut into batches, and padded.

```
sentences   a b c <eos>   d <eos>   e f <eos>          first input   <eos>

inputs      <eos> a b c        targets      a b c <eos>       lengths   4
            <eos> e f .                     e f <eos> .                 3
            <eos> d . .                     d <eos> . .                 2
```
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds

_LEAST_ROWS = 16
"""Rows that are read side by side however long they are: fewer would leave a processor waiting."""


class PaddedSentences(NamedTuple):
    """Sentences side by side, padded at their ends.

    Attributes:
        inputs: What is read `(B, T)`.
        targets: What follows each `(B, T)`.
        lengths: How many targets count in each row `(B,)`; 0 in a row that only fills the batch.
    """

    inputs: TokenIds
    targets: TokenIds
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class SentenceBatches:
    """How sentences are gathered into batches of `(B, T)`.

    Args:
        most_tokens: Most tokens that are read at once, padding included; longer batches are cut along `T`.
        few_shapes: Whether `B` and `T` take a few values only, at the price of more padding, for engines that compile a
            program for each shape.
    """

    most_tokens: int
    few_shapes: bool = False

    def batches(self, lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
        """Yield the indices of the sentences in each batch, the longest first; those of length 0 are left out.

        Sentences in a batch are nearly alike in length: none is shorter than three quarters of the longest, but for
        batches that are small anyway.

        Example:
            >>> [batch.tolist() for batch in SentenceBatches(100).batches([5, 90, 4, 0, 6])]
            [[1], [4, 0, 2]]
        """
        order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
        descending = [lengths[index] for index in order.tolist() if lengths[index]]
        first = 0
        while first < len(descending):
            stop = first + self._num_joined(descending, first)
            yield order[first:stop]
            first = stop

    def padded(self, sentences: Sequence[TokenIds], first_input: int) -> PaddedSentences:
        """Return sentences side by side, the first token of each to be predicted from `first_input`."""
        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        longest = int(lengths.max())
        num_rows = self._num_rows(longest) if self.few_shapes else len(sentences)
        steps = self._steps(num_rows, longest)
        targets = np.full((num_rows, -(-longest // steps) * steps), first_input, np.int32)
        for row, sentence in zip(targets, sentences, strict=False):
            row[: len(sentence)] = sentence
        inputs = np.concatenate((np.full((num_rows, 1), first_input, np.int32), targets[:, :-1]), axis=1)
        return PaddedSentences(inputs, targets, np.pad(lengths, (0, num_rows - len(sentences))))

    def pieces(self, num_rows: int, num_steps: int) -> list[slice]:
        """Return the pieces of a padded batch `(num_rows, num_steps)` that are read at once, one after another."""
        steps = self._steps(num_rows, num_steps)
        return [slice(first, first + steps) for first in range(0, num_steps, steps)]

    def _num_joined(self, descending: Sequence[int], first: int) -> int:
        """Return how many of the sentences from `first` on, the longest first, make the next batch."""
        longest = descending[first]
        num_rows = min(self._num_rows(longest), len(descending) - first)
        for count in range(num_rows):
            is_small = count < _LEAST_ROWS and (count + 1) * longest <= self.most_tokens
            if not (4 * descending[first + count] >= 3 * longest or is_small or self.few_shapes):
                return count
        return num_rows

    def _num_rows(self, longest: int) -> int:
        """Return how many rows fill a batch."""
        steps = _rounded(longest) if self.few_shapes else longest
        return max(min(_LEAST_ROWS, self.most_tokens), self.most_tokens // steps)

    def _steps(self, num_rows: int, num_steps: int) -> int:
        """Return how many steps of `num_rows` rows are read at once; a padded batch has a multiple of it."""
        most = max(1, self.most_tokens // num_rows)
        if self.few_shapes:
            return min(_rounded(num_steps), most)
        return -(-num_steps // -(-num_steps // most))


def _rounded(num_steps: int) -> int:
    """Return the next of 16, 24, 32, 48, 64, 96, ... that is not below `num_steps`."""
    power = 16
    while power < num_steps:
        power *= 2
    return 3 * power // 4 if power > 16 and num_steps <= 3 * power // 4 else power
