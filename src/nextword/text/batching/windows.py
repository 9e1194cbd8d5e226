"""The tutorial's successive windows, and the choice of windows by options."""

import numpy as np

from nextword.text.batching.options import BatchOptions
from nextword.text.batching.streams import Streams, VariedStreams
from nextword.text.batching.window import TokenIds, Window, Windows, require_tokens

_NUM_STEPS = 64
_BURN_IN = 128
_LARGEST_BATCH = 32


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


def make_windows(ids: TokenIds, options: BatchOptions, *, end_id: int) -> Windows:
    """Return the windows over `ids` for the given options.

    `end_id` is the id of `<eos>`, the input for the first token of the text.

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
    """Return parallel streams in which every token of a split is a target exactly once.

    Every row except the first has a burn-in to warm up its state. The remaining difference from a single stream is far
    below the noise of training. `nextword evaluate` reads a single stream and has no such difference.
    """
    batch_size = max(1, min(_LARGEST_BATCH, len(ids) // (4 * _BURN_IN)))
    return Streams(ids, batch_size=batch_size, num_steps=_NUM_STEPS, first_input=end_id, burn_in=_BURN_IN)
