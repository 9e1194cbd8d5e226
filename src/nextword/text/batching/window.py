"""Windows of training data: parallel streams with carried state, and the tutorial's successive windows."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, override

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.text.options import BatchOptions

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


Mask = NDArray[np.bool_]

_LENGTH_UNIT = 5
_LENGTH_SPREAD = 5.0
_SHORT_WINDOWS = 0.05
_SHIFTS, _LENGTHS = range(2)

_VALID_STEPS = 64
_BURN_IN = 128
_MAX_VALID_ROWS = 32


class _RowsOfText(Windows):
    """Windows whose rows read the text at different positions; the first input of the text is `first_input`."""

    def __init__(self, ids: TokenIds, batch_size: int, num_steps: int, first_input: int) -> None:
        require_tokens(len(ids), batch_size, f"a batch of {batch_size} streams")
        self.batch_size = batch_size
        self.num_steps = num_steps
        self._ids = ids
        self._first_input = first_input

    def _cut(self, positions: NDArray[np.int64], *, inside: Mask, counted: Mask, reset: Mask) -> Window:
        """Return the window with targets at `positions` `(B, T)`; positions that are not `inside` a row are padding."""
        positions = np.where(inside, positions, 0)  # (B, T)
        inputs = np.where(positions > 0, self._ids[positions - 1], self._first_input)
        return Window(
            inputs=inputs.astype(np.int32),
            targets=self._ids[positions].astype(np.int32),
            weights=counted.astype(np.float32),
            reset=reset,
        )


class Streams(_RowsOfText):
    """Windows over parallel streams: row `i` of a window continues row `i` of the previous window.

    Here for the text `a b c ... n` (14 tokens), `batch_size` 3 and `num_steps` 2. Each row is a stream, and a window
    reads `num_steps` columns. An input is the token before its target; the first one is `first_input`, shown as `#`:

        targets                 window 0   window 1   window 2
          row 0  a b c d e        a b        c d        e .
          row 1  f g h i j        f g        h i        j .
          row 2  k l m n          k l        m n        . .
        inputs
          row 0  # a b c d        # a        b c        d .
          row 1  e f g h i        e f        g h        i .
          row 2  j k l m          j k        l m        . .
        reset                     yes        no         no

    Each token of the text is a target exactly once an epoch. A dot is padding, with weight 0. Each row of window 1
    begins with the state at the end of that row in window 0. The model can therefore learn dependencies that are longer
    than a window, although the gradient stops at its edge.

    With `burn_in`, every row except the first begins that many tokens earlier, with weight 0, to warm up its state.
    Parallel evaluation uses it; training does not.
    """

    def __init__(self, ids: TokenIds, *, batch_size: int, num_steps: int, first_input: int, burn_in: int = 0) -> None:
        super().__init__(ids, batch_size, num_steps, first_input)
        # All rows have `length` steps. The first row has no burn-in, so it has more targets.
        burn_in = min(burn_in, len(ids) // batch_size)
        length = -(-(len(ids) + (batch_size - 1) * burn_in) // batch_size)
        rows = np.arange(batch_size, dtype=np.int64)
        ends = np.minimum(length + rows * (length - burn_in), len(ids))
        self._row_starts = rows * (length - burn_in)
        self._row_ends = ends
        self._counted_from = np.concatenate(([0], ends[:-1]))
        self.steps_per_epoch = -(-length // num_steps)

    def window(self, step: int) -> Window:
        """Return the window of training step `step`; the text starts over every `steps_per_epoch` steps."""
        index = step % self.steps_per_epoch
        offsets = np.arange(index * self.num_steps, (index + 1) * self.num_steps)
        positions = self._row_starts[:, None] + offsets  # (B, T)
        inside = positions < self._row_ends[:, None]
        counted = inside & (positions >= self._counted_from[:, None])
        return self._cut(positions, inside=inside, counted=counted, reset=np.full(self.batch_size, index == 0))


class VariedStreams(_RowsOfText):
    r"""Windows over parallel streams that differ in every epoch.

    Rows, padding and carried state are those of `Streams`. Two options are
    independent:

    - `variable_num_steps` draws the length of a window from $\mathcal{N}(n, 5)$, where $n$ is `num_steps` in 95 % of
      the windows and half of it in the others. Otherwise the gradient would stop at the same positions in every epoch
      (Merity, Keskar and Socher 2018, section 4.1). We round lengths to multiples of 5, to compile few shapes.
    - `shuffle = "partial"` begins each row at a random position of its text and wraps around at its end. The rows of a
      batch are then combined differently in every epoch (Press 2019). A run that would end within an epoch begins
      within one instead.

    The lengths are drawn once and permuted in every epoch, so all epochs have the same number of steps. A window
    depends only on its step and the seed.
    """

    def __init__(self, ids: TokenIds, options: BatchOptions, *, first_input: int) -> None:
        super().__init__(ids, options.batch_size, options.num_steps, first_input)
        self._options = options
        self._row_length = -(-len(ids) // options.batch_size)
        self._row_starts = np.minimum(np.arange(options.batch_size, dtype=np.int64) * self._row_length, len(ids))
        self._row_lengths = np.diff(self._row_starts, append=len(ids))
        self._lengths = self._draw_lengths()
        self._latest_edges = (-1, self._lengths)
        self.steps_per_epoch = len(self._lengths)

    def window(self, step: int) -> Window:
        """Return the window of training step `step`."""
        epoch, index = divmod(step, self.steps_per_epoch)
        edges = self._edges_of(epoch)
        offsets = np.arange(edges[index], edges[index + 1])
        inside = offsets < self._row_lengths[:, None]  # (B, T)
        shifted = (offsets + self._shifts_of(epoch)[:, None]) % np.maximum(self._row_lengths, 1)[:, None]
        positions, reset = self._row_starts[:, None] + shifted, np.full(self.batch_size, index == 0)
        return self._cut(positions, inside=inside, counted=inside, reset=reset)

    def order(self, planned_steps: Sequence[int], round_steps: int) -> NDArray[np.int64]:
        """Return the number of the window of each step, so that a run of shuffled rows ends with whole epochs.

        A part of an epoch at the end would favor the text that it reads, so a run begins within an epoch. If the plan
        changes after a round, the run reads on until whole epochs are left, and then begins the next one; no window is
        read twice. A run with windows of different lengths reads all in order, because the learning rates of its steps
        are made for them.
        """
        if self._options.shuffle == "none" or self._options.variable_num_steps:
            return super().order(planned_steps, round_steps)
        epoch, rounds = self.steps_per_epoch, list[NDArray[np.int64]]()
        window = -planned_steps[0] % epoch
        for number, total in enumerate(planned_steps):
            left = total - number * round_steps
            steps = round_steps if number + 1 < len(planned_steps) else left
            rest = min(steps, left % epoch if left >= epoch else left)
            next_epoch = -(-(window + rest) // epoch) * epoch
            rounds.append(np.concatenate((window + np.arange(rest), next_epoch + np.arange(steps - rest))))
            window = rounds[-1][-1] + 1
        return np.concatenate(rounds)

    def relative_lengths(self, num_windows: int) -> NDArray[np.float32] | None:
        """Return the lengths of the first windows, divided by `num_steps`; `None` if all are 1."""
        if not self._options.variable_num_steps:
            return None
        epochs = range(-(-num_windows // self.steps_per_epoch))
        lengths = np.concatenate([self._lengths_of(epoch) for epoch in epochs])[:num_windows]
        return (lengths / self.num_steps).astype(np.float32)

    def _draw_lengths(self) -> NDArray[np.int64]:
        """Return window lengths whose sum is the length of a row, rounded up.

        Every window then holds tokens, in any order of the windows.
        """
        if not self._options.variable_num_steps:
            return np.full(-(-self._row_length // self.num_steps), self.num_steps)
        random = self._random(_LENGTHS)
        max_units = -(-self._row_length // _LENGTH_UNIT)
        centers = np.where(random.random(max_units) < _SHORT_WINDOWS, self.num_steps / 2, self.num_steps)
        units = np.round(random.normal(centers, _LENGTH_SPREAD) / _LENGTH_UNIT)
        lengths = _LENGTH_UNIT * np.maximum(units, 1).astype(np.int64)
        lengths = lengths[: 1 + np.searchsorted(lengths.cumsum(), self._row_length)]
        lengths[-1] -= lengths.sum() - _LENGTH_UNIT * max_units
        return lengths

    def _lengths_of(self, epoch: int) -> NDArray[np.int64]:
        if not self._options.variable_num_steps:
            return self._lengths
        return self._random(_LENGTHS, 1 + epoch).permutation(self._lengths)

    def _edges_of(self, epoch: int) -> NDArray[np.int64]:
        """Return where each window begins, and where the last one ends; a long text has a million windows."""
        kept, edges = self._latest_edges
        if kept != epoch:
            edges = np.concatenate(([0], np.cumsum(self._lengths_of(epoch))))
            self._latest_edges = epoch, edges
        return edges

    def _shifts_of(self, epoch: int) -> NDArray[np.int64]:
        if self._options.shuffle == "none":
            return np.zeros(self.batch_size, np.int64)
        return self._random(_SHIFTS, epoch).integers(np.maximum(self._row_lengths, 1))

    def _random(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((0, *key))


def make_windows(ids: TokenIds, options: BatchOptions, *, end_id: int) -> Windows:
    """Return the windows over `ids` for the given options.

    `end_id` is the id of `<eos>`, the input for the first token of the text.
    """
    if options.varied:
        return VariedStreams(ids, options, first_input=end_id)
    batch_size, num_steps = options.batch_size, options.num_steps
    if options.windows == "streams":
        return Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=end_id)
    return SuccessiveWindows(ids, batch_size=batch_size, num_steps=num_steps, skip_step=num_steps)


def validation_streams(ids: TokenIds, *, end_id: int) -> Streams:
    """Return parallel streams in which every token of a split is a target exactly once.

    Every row except the first has a burn-in to warm up its state. The remaining difference from a single stream is far
    below the noise of training. `nextword evaluate` reads a single stream and has no such difference.
    """
    batch_size = max(1, min(_MAX_VALID_ROWS, len(ids) // (4 * _BURN_IN)))
    return Streams(ids, batch_size=batch_size, num_steps=_VALID_STEPS, first_input=end_id, burn_in=_BURN_IN)
