"""The Keras callbacks of a run, a report of the loss about twice a second, and the loss over intervals of a round."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, override

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.training.context import Interruption

OnInterval = Callable[[int, float, float], object]
"""Receives the steps of the round up to the end of an interval, the perplexity over it, and its steps per second."""

_MAX_INTERVALS = 50
_MIN_INTERVALS = 4
_MIN_STEPS = 4
_MAX_LOSS = 700.0  # loss whose exponential is still a number


def interval_ends(round_number: int, num_steps: int) -> list[int]:
    """Return the last step of each interval of a round, counted from 1.

    The loss changes fastest at the beginning, so the first round has up to 50 intervals, the second 25, the third 16.
    Every round has at least 4, if an interval then has at least 4 steps.
    """
    wanted = max(_MIN_INTERVALS, _MAX_INTERVALS // round_number)
    count = max(1, min(wanted, num_steps // _MIN_STEPS))
    return [num_steps * number // count for number in range(1, count + 1)]


class Intervals:
    """Measures the perplexity and the speed of intervals of steps in one round.

    The metric of the loss is a mean over the round so far. At the end of an interval, its value stays on the device. It
    is read when a later step is known to be done, so that no step waits for it. The time of a step between two known
    ones is interpolated.
    """

    def __init__(self, ends: Sequence[int], on_end: OnInterval) -> None:
        self._ends = ends
        self._on_end = on_end
        self._counts: NDArray[np.float64] = np.ones(max(ends))
        self._kept: list[tuple[int, Any]] = []
        self._next = 0
        self._known: list[tuple[int, float]] = []
        self._before = (0, 0.0)

    def begin(self, counts: NDArray[np.float64], now: float) -> None:
        """Begin the round."""
        self._counts = counts
        self._known = [(0, now)]

    def after_step(self, steps_done: int, perplexity: Any) -> None:
        """Keep the perplexity of the round so far if an interval ends here; it is not read."""
        if self._next < len(self._ends) and steps_done == self._ends[self._next]:
            self._kept.append((steps_done, perplexity))
            self._next += 1

    def after_report(self, steps_done: int, now: float) -> None:
        """Report the intervals up to a step that is known to be done since `now`."""
        self._known.append((steps_done, now))
        kept, self._kept = self._kept, []
        for step, perplexity in kept:
            self._end_interval(step, float(perplexity))

    def _end_interval(self, step: int, perplexity: float) -> None:
        before, loss_before = self._before
        count = float(self._counts[before:step].sum())
        if not math.isfinite(perplexity) or not count:
            return  # the run stops, or the next interval has these steps too
        loss = math.log(perplexity) * float(self._counts[:step].sum())
        mean = (loss - loss_before) / count
        if mean > _MAX_LOSS:  # the loss explodes, and the mean over the round so far hides it
            return
        self._before = (step, loss)
        self._on_end(step, math.exp(mean), self._steps_per_second(before, step))

    def _steps_per_second(self, before: int, step: int) -> float:
        first = max(before, 1) if step > 1 else 0  # the first step of a round may compile
        steps, times = zip(*self._known, strict=True)
        began, ended = np.interp((first, step), steps, times)
        return (step - first) / max(float(ended - began), 1e-9)


Report = Callable[[int, float, float], None]
"""Receives the steps taken in the round, the perplexity over them, and the recent steps per second."""

_SECONDS_BETWEEN_REPORTS = 0.5


class RoundCallbacks(keras.callbacks.CallbackList):
    """The callbacks of a run over many calls of `fit`, one for each round.

    Keras starts and ends callbacks with every call of `fit`, which would reset an `EarlyStopping` every round. Here
    they start and end with the run, and see each round as an epoch. Without user callbacks, nothing is read from the
    device between two reports, so Keras prepares the next step during the current one. With user callbacks, Keras
    reads the metrics after each step.

    Args:
        stream: The compiled model.
        callbacks: The user's Keras callbacks.
        report: Called after the first step of a round, and then about twice a second.
        interruption: Checked after each step.
        **params: The `params` of the callbacks, such as `epochs`.

    Attributes:
        figures: The metrics of the latest round's steps.
        steps_done: Steps taken in the round.
        first_step_ended: End time of the first step, by `time.monotonic`.
        intervals: Receives the loss within the next round, or `None`.
    """

    def __init__(
        self,
        stream: keras.Model,
        callbacks: Sequence[Any] = (),
        *,
        report: Report = lambda *_: None,
        interruption: Interruption | None = None,
        **params: Any,
    ) -> None:
        super().__init__(list(callbacks), add_history=True, model=stream, **params)
        self.figures: Mapping[str, Any] = {}
        self.steps_done = 0
        self.first_step_ended = 0.0
        self.intervals: Intervals | None = None
        self._has_callbacks = bool(callbacks)
        self._report = report
        self._interruption = interruption or Interruption()
        self._next_report = 1
        self._reported_step, self._reported_at = 0, 0.0

    def begin(self) -> None:
        """Call `on_train_begin` of the user's callbacks."""
        super().on_train_begin()

    def end_round(self, round_number: int, figures: Mapping[str, float]) -> None:
        """Call `on_epoch_end` of the user's callbacks; `round_number` starts at 0."""
        super().on_epoch_end(round_number, figures)

    def end(self) -> None:
        """Call `on_train_end` of the user's callbacks."""
        super().on_train_end()

    @override
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Do nothing; `begin` calls the callbacks."""

    @override
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Do nothing; `end` calls the callbacks."""

    @override
    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.steps_done, self._next_report = 0, 1
        self._reported_step, self._reported_at = 0, time.monotonic()
        super().on_epoch_begin(epoch, logs)

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Store the training metrics; `end_round` reports them together with those of the validation."""
        self.figures = logs or {}

    @override
    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.steps_done = batch + 1
        self._interruption.raise_if_requested()
        if self._has_callbacks:
            super().on_train_batch_end(batch, logs)
        if self.intervals is not None:
            self.intervals.after_step(self.steps_done, (logs or {})["perplexity"])
        if self.steps_done >= self._next_report:
            self._report_now(float((logs or {})["perplexity"]))

    @override
    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._interruption.raise_if_requested()
        if self._has_callbacks:
            super().on_test_batch_end(batch, logs)

    def _report_now(self, perplexity: float) -> None:
        """Report the loss, and decide after how many steps to report again."""
        now, steps = time.monotonic(), self.steps_done - self._reported_step
        seconds = max(now - self._reported_at, 1e-9)
        if self.steps_done == 1:
            self.first_step_ended = now
        self._report(self.steps_done, perplexity, steps / seconds)
        if self.intervals is not None:
            self.intervals.after_report(self.steps_done, now)
        self._reported_step, self._reported_at = self.steps_done, now
        # At most twice as many steps as last time, because the pace of a few steps is unreliable.
        self._next_report = self.steps_done + max(1, min(2 * steps, round(_SECONDS_BETWEEN_REPORTS * steps / seconds)))
