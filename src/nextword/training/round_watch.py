"""What looks on while Keras takes the steps of a round: the user's callbacks, and a glance at the loss now and then."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, override

import keras

from nextword.training.interruption import Interruption

Look = Callable[[int, float, float], None]
"""Receives the steps taken in the round, the perplexity over them, and the recent steps per second."""

_SECONDS_BETWEEN_LOOKS = 0.5


class RoundWatch(keras.callbacks.CallbackList):
    """The callbacks of a run over many calls of `fit`, one a round.

    Keras would begin and end the user's callbacks with every call, so that an `EarlyStopping` forgot what it had seen;
    here they begin and end with the run, and a round is an epoch to them. Between two looks nothing is read from the
    device, so that the next step is prepared while the last one is computed; callbacks of the user's make Keras read
    the metrics after each step, as ever.

    Args:
        stream: The compiled model.
        callbacks: Keras callbacks of the user's own.
        look: Called after the first step of a round, and then about twice a second.
        interruption: Asked after each step.
        **params: What callbacks read as `params`, such as `epochs`.

    Attributes:
        figures: The metrics of the latest round's steps.
        steps_done: Steps taken in the round.
        first_step_ended: When the first of them had ended, by `time.monotonic`.
    """

    def __init__(
        self,
        stream: keras.Model,
        callbacks: Sequence[Any] = (),
        *,
        look: Look = lambda *_: None,
        interruption: Interruption | None = None,
        **params: Any,
    ) -> None:
        super().__init__(list(callbacks), add_history=True, model=stream, **params)
        self.figures: Mapping[str, Any] = {}
        self.steps_done = 0
        self.first_step_ended = 0.0
        self._has_callbacks = bool(callbacks)
        self._look = look
        self._interruption = interruption or Interruption()
        self._next_look = 1
        self._looked_step, self._looked_at = 0, 0.0

    def begin(self) -> None:
        """Tell the user's callbacks that the run begins."""
        super().on_train_begin()

    def end_round(self, round_number: int, figures: Mapping[str, float]) -> None:
        """Tell the user's callbacks what a round came to, `round_number` counted from 0."""
        super().on_epoch_end(round_number, figures)

    def end(self) -> None:
        """Tell the user's callbacks that the run is over."""
        super().on_train_end()

    @override
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Say nothing: `begin` does."""

    @override
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Say nothing: `end` does."""

    @override
    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin a round."""
        self.steps_done, self._next_look = 0, 1
        self._looked_step, self._looked_at = 0, time.monotonic()
        super().on_epoch_begin(epoch, logs)

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keep the figures of the steps; `end_round` tells them together with those of the validation."""
        self.figures = logs or {}

    @override
    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count the step, and look at its loss if it is time."""
        self._interruption.raise_if_asked()
        self.steps_done = batch + 1
        if self._has_callbacks:
            super().on_train_batch_end(batch, logs)
        if self.steps_done >= self._next_look:
            self._look_at(float((logs or {})["perplexity"]))

    @override
    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Let a signal interrupt a validation."""
        self._interruption.raise_if_asked()
        if self._has_callbacks:
            super().on_test_batch_end(batch, logs)

    def _look_at(self, perplexity: float) -> None:
        """Look, now that the steps so far have ended, and decide after how many more to look again."""
        now, steps = time.monotonic(), self.steps_done - self._looked_step
        seconds = max(now - self._looked_at, 1e-9)
        if self.steps_done == 1:
            self.first_step_ended = now
        self._look(self.steps_done, perplexity, steps / seconds)
        self._looked_step, self._looked_at = self.steps_done, now
        # At most twice as many as last time: the pace of few steps says little.
        self._next_look = self.steps_done + max(1, min(2 * steps, round(_SECONDS_BETWEEN_LOOKS * steps / seconds)))
