"""The choice among the ways of cutting windows."""

import numpy as np

from nextword.batching.options import BatchOptions
from nextword.batching.streams import Streams, VariedStreams
from nextword.batching.window import TokenIds, Window, Windows, require_tokens

_NUM_STEPS = 64
_BURN_IN = 128
_LARGEST_BATCH = 32


class SuccessiveWindows(Windows):
    """Windows cut one after the other from a single stream, as the tutorial's `KerasBatchGenerator` cuts them.

    The text `a b c ... n` (14 tokens), `batch_size` 2, `num_steps` 3 and `skip_step` 3. The rows of a batch are
    neighbors in the text, and the pointer goes back to the beginning if no whole window and its targets are left:

                 batch 0             batch 1             batch 2
                 inputs   targets    inputs   targets    inputs   targets
          row 0  a b c    b c d      g h i    h i j      a b c    b c d
          row 1  d e f    e f g      j k l    k l m      d e f    e f g

    Row `i` of a batch does not continue row `i` of the batch before, so the state begins at zero in every row of
    every batch. The last tokens may never be a target, and an epoch is `len(text) // (batch_size * num_steps)` steps
    whatever the skip: both as the tutorial has it.

    Raises:
        SettingError: The text has too few tokens for one window and its targets.

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
        """Return the batch of training step `step`; the pointer is never sent back between epochs."""
        numbers = step * self.batch_size + np.arange(self.batch_size)
        starts = (numbers % self._num_windows) * self._skip_step
        positions = starts[:, None] + np.arange(self.num_steps)  # (B, T)
        return Window(
            inputs=self._ids[positions].astype(np.int32),
            targets=self._ids[positions + 1].astype(np.int32),
            weights=np.ones(positions.shape, np.float32),
            reset=np.ones(self.batch_size, np.bool_),
        )


def make_windows(ids: TokenIds, options: BatchOptions, *, end_id: int) -> Windows:
    """Return the windows over `ids` that `options` ask for.

    `end_id` is the id of `<eos>`, from which the very first token is predicted.

    Raises:
        SettingError: The text has too few tokens for a window.
    """
    if options.varied:
        return VariedStreams(ids, options, first_input=end_id)
    batch_size, num_steps = options.batch_size, options.num_steps
    if options.windows == "streams":
        return Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=end_id)
    return SuccessiveWindows(ids, batch_size=batch_size, num_steps=num_steps, skip_step=options.skip_step or num_steps)


def validation_streams(ids: TokenIds, *, end_id: int) -> Streams:
    """Return windows that predict every token of a split exactly once, many rows at a time.

    Each row but the first reads some tokens before its own, uncounted, so that its state is warm; what is left of
    the difference to one single stream is far below the noise of training. `nextword evaluate` has no such
    difference at all.
    """
    batch_size = max(1, min(_LARGEST_BATCH, len(ids) // (4 * _BURN_IN)))
    return Streams(ids, batch_size=batch_size, num_steps=_NUM_STEPS, first_input=end_id, burn_in=_BURN_IN)
