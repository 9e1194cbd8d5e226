"""Batches of sentences with different lengths: sorted by length and padded.

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

from nextword.text.batching.window import TokenIds

_MIN_ROWS = 16  # rows of a batch, even if they are long: fewer rows would not keep the processor busy


class PaddedSentences(NamedTuple):
    """A batch of sentences, padded at their ends."""

    inputs: TokenIds  # ids `(B, T)`, int32
    targets: TokenIds  # token that follows each input `(B, T)`, int32
    lengths: NDArray[np.int64]  # number of targets in each row `(B,)`; 0 for a padding row


@dataclass(frozen=True)
class SentenceBatches:
    """Collects sentences in batches `(B, T)`.

    Args:
        max_tokens: Most tokens to process at once, including padding; longer batches are cut along `T`.
        few_shapes: Whether `B` and `T` take only a few values, for engines that compile a program for each shape. This
            needs more padding.
    """

    max_tokens: int
    few_shapes: bool = False

    def batches(self, lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
        """Yield the indices of the sentences in each batch, longest sentences first, without empty sentences.

        Sentences in a batch have similar lengths: at least three quarters of the longest one, except in small batches.
        """
        order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
        descending = [lengths[index] for index in order.tolist() if lengths[index]]
        first = 0
        while first < len(descending):
            stop = first + self._num_joined(descending, first)
            yield order[first:stop]
            first = stop

    def padded(self, sentences: Sequence[TokenIds], first_input: int) -> PaddedSentences:
        """Return a padded batch in which `first_input` precedes the first token of each sentence."""
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
        """Return slices of time steps that together cover a padded batch `(num_rows, num_steps)`."""
        steps = self._steps(num_rows, num_steps)
        return [slice(first, first + steps) for first in range(0, num_steps, steps)]

    def _num_joined(self, descending: Sequence[int], first: int) -> int:
        longest = descending[first]
        num_rows = min(self._num_rows(longest), len(descending) - first)
        for count in range(num_rows):
            is_small = count < _MIN_ROWS and (count + 1) * longest <= self.max_tokens
            if not (4 * descending[first + count] >= 3 * longest or is_small or self.few_shapes):
                return count
        return num_rows

    def _num_rows(self, longest: int) -> int:
        steps = _rounded(longest) if self.few_shapes else longest
        return max(min(_MIN_ROWS, self.max_tokens), self.max_tokens // steps)

    def _steps(self, num_rows: int, num_steps: int) -> int:
        """Return how many steps of `num_rows` rows to process at once; a padded batch has a multiple of it."""
        limit = max(1, self.max_tokens // num_rows)
        if self.few_shapes:
            return min(_rounded(num_steps), limit)
        return -(-num_steps // -(-num_steps // limit))


def _rounded(num_steps: int) -> int:
    """Round `num_steps` up to one of 16, 24, 32, 48, 64, 96, ..."""
    power = 16
    while power < num_steps:
        power *= 2
    return 3 * power // 4 if power > 16 and num_steps <= 3 * power // 4 else power
