"""The Keras callbacks of a run, and a report of the loss about twice a second."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, override

import keras

from nextword.training.interruption import Interruption
from nextword.training.step.stretches import Stretches

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
        stretches: Receives the loss within the next round, or `None`.
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
        self.stretches: Stretches | None = None
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
        if self.stretches is not None:
            self.stretches.after_step(self.steps_done, (logs or {})["perplexity"])
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
        if self.stretches is not None:
            self.stretches.after_report(self.steps_done, now)
        self._reported_step, self._reported_at = self.steps_done, now
        # At most twice as many steps as last time, because the pace of a few steps is unreliable.
        self._next_report = self.steps_done + max(1, min(2 * steps, round(_SECONDS_BETWEEN_REPORTS * steps / seconds)))
