"""Windows as Keras wants to be fed with them."""

from typing import Any

import keras

from nextword.batching.window import Window, Windows

Batch = tuple[dict[str, Any], Any, Any]


class RoundDataset(keras.utils.PyDataset):
    """The windows of one round, or of one validation pass; each batch is made of fresh arrays.

    Args:
        windows: Where the windows come from.
        round_steps: Number of windows in a round.

    Attributes:
        round: The current round, counted from 0; the trainer moves it on.
    """

    def __init__(self, windows: Windows, round_steps: int) -> None:
        super().__init__()
        self._windows = windows
        self._round_steps = round_steps
        self.round = 0

    def __len__(self) -> int:
        """Return the number of windows in a round."""
        return self._round_steps

    def __getitem__(self, index: int) -> Batch:
        """Return window `index` of the current round."""
        return as_batch(self._windows.window(self.round * self._round_steps + index))

    @property
    def words_per_window(self) -> int:
        """Number of cells in a window."""
        return self._windows.batch_size * self._windows.num_steps


def as_batch(window: Window) -> Batch:
    """Return a window as inputs, targets and weights."""
    return {"tokens": window.inputs, "reset": window.reset}, window.targets, window.weights
