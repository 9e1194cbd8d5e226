"""Parallel streams: the text cut once into `B` long rows that are read side by side, with state carried along."""

import numpy as np

from nextword.batching.window import TokenIds, Window, require_tokens


class Streams:
    """Windows over parallel streams, in which row `i` of a window continues row `i` of the window before.

    The text `a b c ... n` (14 tokens), `batch_size` 3 and `num_steps` 2. Each row is a stream of its own; a window
    reads `num_steps` columns. An input is what stands before its target; the very first is `first_input`, drawn `#`:

        targets                 window 0   window 1   window 2
          row 0  a b c d e        a b        c d        e .
          row 1  f g h i j        f g        h i        j .
          row 2  k l m n          k l        m n        . .
        inputs
          row 0  # a b c d        # a        b c        d .
          row 1  e f g h i        e f        g h        i .
          row 2  j k l m          j k        l m        . .
        reset                     yes        no         no

    Every token of the text is the target of exactly one cell an epoch; a dot is padding, with weight 0. The hidden
    state at the end of window 0 is the state at the beginning of window 1, row by row, so that a dependency may be
    longer than a window although the gradient stops at its edge.

    With `burn_in`, every row but the first begins that many tokens early, with weight 0, so that its state is warm
    when its own tokens begin. Evaluation in parallel uses it; training does not.

    Raises:
        SettingError: The text has fewer tokens than rows.

    Example:
        >>> streams = Streams(np.arange(14, dtype=np.int32), batch_size=3, num_steps=2, first_input=99)
        >>> streams.window(0).targets.tolist(), streams.window(0).inputs.tolist()
        ([[0, 1], [5, 6], [10, 11]], [[99, 0], [4, 5], [9, 10]])
    """

    def __init__(self, ids: TokenIds, *, batch_size: int, num_steps: int, first_input: int, burn_in: int = 0) -> None:
        require_tokens(len(ids), batch_size, f"a batch of {batch_size} streams")
        self._ids = ids
        self._first_input = first_input
        self.batch_size = batch_size
        self.num_steps = num_steps
        # The first row has no burn-in, so its own share is longer by as much: all rows are read for `length` steps.
        burn_in = min(burn_in, len(ids) // batch_size)
        length = -(-(len(ids) + (batch_size - 1) * burn_in) // batch_size)
        rows = np.arange(batch_size, dtype=np.int64)
        ends = np.minimum(length + rows * (length - burn_in), len(ids))
        self._row_starts = rows * (length - burn_in)
        self._row_ends = ends
        self._counted_from = np.concatenate(([0], ends[:-1]))
        self.steps_per_epoch = -(-length // num_steps)

    def window(self, step: int) -> Window:
        """Return the window of training step `step`; the text begins anew every `steps_per_epoch` steps."""
        index = step % self.steps_per_epoch
        offsets = np.arange(index * self.num_steps, (index + 1) * self.num_steps)
        positions = self._row_starts[:, None] + offsets  # (B, T)
        inside = positions < self._row_ends[:, None]
        counted = inside & (positions >= self._counted_from[:, None])
        positions = np.where(inside, positions, 0)
        inputs = np.where(positions > 0, self._ids[positions - 1], self._first_input)
        return Window(
            inputs=inputs.astype(np.int32),
            targets=self._ids[positions].astype(np.int32),
            weights=counted.astype(np.float32),
            reset=np.full(self.batch_size, index == 0),
        )

    def relative_lengths(self, num_windows: int) -> None:
        """Return nothing: all windows are of the same length."""
