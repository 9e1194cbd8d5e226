"""Windows of training data, their interface, and the tutorial's successive windows."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, override

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError

TokenIds = NDArray[np.int32]


class Window(NamedTuple):
    """The data of one training step: `B` rows of `T` time steps."""

    inputs: TokenIds  # token ids `(B, T)`, int32
    targets: TokenIds  # token that follows each input `(B, T)`, int32
    weights: NDArray[np.float32]  # 1 for a target, 0 for padding and burn-in `(B, T)`, float32
    reset: NDArray[np.bool_]  # rows whose carried state is cleared before the window `(B,)`, bool


class Windows(ABC):
    """An infinite sequence of windows, one for each training step.

    A window depends only on its number, so a resumed run continues exactly where it stopped.
    """

    batch_size: int  # number of rows in every window
    num_steps: int  # number of time steps in every window; approximate for variable lengths
    steps_per_epoch: int  # number of windows that read the text once

    @property
    def words_per_step(self) -> int:
        """Number of tokens in a window."""
        return self.batch_size * self.num_steps

    @abstractmethod
    def window(self, step: int) -> Window:
        """Return the window with the number `step`, counted from 0."""

    def order(self, planned_steps: Sequence[int], round_steps: int) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the number of the window of each step, by the steps in all as planned before each round so far."""
        return np.arange(planned_steps[-1])

    def relative_lengths(self, num_windows: int) -> NDArray[np.float32] | None:  # noqa: ARG002
        """Return the lengths of the first windows, divided by `num_steps`; `None` if all are 1."""
        return None


class PartOfRows(Windows):
    """One of `count` equal parts of the rows of other windows: number `part`, from 0."""

    def __init__(self, windows: Windows, part: int, count: int) -> None:
        self.batch_size = windows.batch_size // count
        self.num_steps, self.steps_per_epoch = windows.num_steps, windows.steps_per_epoch
        self._windows, self._first = windows, part * self.batch_size

    @property
    @override
    def words_per_step(self) -> int:
        """Number of tokens in a window with all rows."""
        return self._windows.words_per_step

    @override
    def window(self, step: int) -> Window:
        rows = slice(self._first, self._first + self.batch_size)
        inputs, targets, weights, reset = self._windows.window(step)
        return Window(inputs[rows], targets[rows], weights[rows], reset[rows])

    @override
    def order(self, planned_steps: Sequence[int], round_steps: int) -> NDArray[np.int64]:
        return self._windows.order(planned_steps, round_steps)

    @override
    def relative_lengths(self, num_windows: int) -> NDArray[np.float32] | None:
        return self._windows.relative_lengths(num_windows)


def require_tokens(num_tokens: int, at_least: int, what: str) -> None:
    """Raise a `SettingError` if the text is too short for `what`."""
    if num_tokens < at_least:
        raise SettingError(
            f"{what} needs at least {at_least} tokens, but the text has {num_tokens}; "
            f"use a longer text, or a smaller `batch_size` or `num_steps`"
        )


class SuccessiveWindows(Windows):
    """Successive windows of one stream, like those of the tutorial's `KerasBatchGenerator`.

    Here for the text `a b c ... n` (14 tokens), `batch_size` 2, `num_steps` 3 and `skip_step` 3. The rows of a batch
    are neighbors in the text. The text starts over if no whole window with its targets is left:

                 batch 0             batch 1             batch 2
                 inputs   targets    inputs   targets    inputs   targets
          row 0  a b c    b c d      g h i    h i j      a b c    b c d
          row 1  d e f    e f g      j k l    k l m      d e f    e f g

    Row `i` of a batch does not continue row `i` of the previous batch, so every row of every batch begins with a state
    of zeros. As in the tutorial, the last tokens may never be targets, and an epoch has
    `len(text) // (batch_size * num_steps)` steps for every skip.

    Example:
        >>> windows = SuccessiveWindows(np.arange(14, dtype=np.int32), batch_size=2, num_steps=3, skip_step=3)
        >>> windows.window(1).inputs.tolist()
        [[6, 7, 8], [9, 10, 11]]
    """

    def __init__(self, ids: TokenIds, *, batch_size: int, num_steps: int, skip_step: int) -> None:
        require_tokens(len(ids), num_steps + 1, f"a window of {num_steps} steps")
        self._ids = ids
        self._skip_step = skip_step
        self._num_windows = -(-(len(ids) - num_steps) // skip_step)
        self.batch_size = batch_size
        self.num_steps = num_steps
        self.steps_per_epoch = max(1, len(ids) // (batch_size * num_steps))

    def window(self, step: int) -> Window:
        """Return the batch of training step `step`; a new epoch does not start the text over."""
        numbers = step * self.batch_size + np.arange(self.batch_size)
        starts = (numbers % self._num_windows) * self._skip_step
        positions = starts[:, None] + np.arange(self.num_steps)  # (B, T)
        return Window(
            inputs=self._ids[positions].astype(np.int32),
            targets=self._ids[positions + 1].astype(np.int32),
            weights=np.ones(positions.shape, np.float32),
            reset=np.ones(self.batch_size, np.bool_),
        )
