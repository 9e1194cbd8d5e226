"""The rows of each window that one process reads."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.text.batching.window import Window, Windows


class RowsOfProcess(Windows):
    """An equal part of the rows of other windows, for one of several processes.

    Process `i` of `n` reads the rows from `i * B / n` to `(i + 1) * B / n`. If `B` is not a multiple of `n`, rows
    without weight fill up the last parts.

    Args:
        windows: The windows of the whole batch.
        num_processes: Number of parts `n`.
        process_id: The part `i`, from 0.

    Example:
        >>> from nextword.text.batching.streams import Streams
        >>> streams = Streams(np.arange(14, dtype=np.int32), batch_size=3, num_steps=2, first_input=99)
        >>> RowsOfProcess(streams, 2, 1).window(0).targets.tolist()
        [[10, 11], [0, 0]]
    """

    def __init__(self, windows: Windows, num_processes: int, process_id: int) -> None:
        self.batch_size = -(-windows.batch_size // num_processes)
        self.num_steps = windows.num_steps
        self.steps_per_epoch = windows.steps_per_epoch
        self._windows = windows
        self._first = process_id * self.batch_size

    def window(self, step: int) -> Window:
        """Return the rows of this process in the window of training step `step`."""
        inputs, targets, weights, reset = self._windows.window(step)
        return Window(self._own(inputs), self._own(targets), self._own(weights), self._own(reset))

    def relative_lengths(self, num_windows: int) -> NDArray[np.float32] | None:
        """Return those of the whole windows, which have the same lengths."""
        return self._windows.relative_lengths(num_windows)

    def _own(self, array: NDArray[Any]) -> NDArray[Any]:
        own = array[self._first : self._first + self.batch_size]
        missing = self.batch_size - len(own)
        return np.pad(own, [(0, missing), *[(0, 0)] * (array.ndim - 1)]) if missing else own
