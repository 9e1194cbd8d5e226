"""Everything that happens between rounds, and the little that happens between steps."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, override

import keras

from nextword.errors import TrainingDivergedError
from nextword.training.dataset import RoundDataset
from nextword.training.interruption import Interruption
from nextword.training.observer import TrainingObserver
from nextword.training.options import TrainingOptions
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.round_plan import RoundPlan
from nextword.training.time_plan import TimePlan

_SECONDS_BETWEEN_LOOKS = 0.5


class RoundCallback(keras.callbacks.Callback):
    """Keeps the rounds: moves the data on, records, decides, saves; and between steps looks for trouble.

    A round that another callback stops within is no round: nothing of it is recorded or saved.

    Args:
        dataset: The training windows, whose round is moved on.
        plan: The rounds.
        time_plan: Says anew after each round how many steps there will be, where the clock decides.
        options: What decides on learning rate and early stopping.
        progress: What was done before.
        save: Writes a checkpoint of the model and the given progress.
        observer: Who watches.
        interruption: Asked between steps.
    """

    def __init__(
        self,
        *,
        dataset: RoundDataset,
        plan: RoundPlan,
        time_plan: TimePlan | None,
        options: TrainingOptions,
        progress: TrainingProgress,
        save: Callable[[TrainingProgress], None],
        observer: TrainingObserver,
        interruption: Interruption,
    ) -> None:
        super().__init__()
        self.progress = progress
        self._dataset = dataset
        self.plan = plan.with_total(progress.planned_steps[-1]) if progress.planned_steps else plan
        self._time_plan = time_plan
        self._options = options
        self._save = save
        self._observer = observer
        self._interruption = interruption
        self._words_per_step = dataset.words_per_window
        self._round_began = self._training_ended = self._looked_at = self._counted_until = time.monotonic()
        self._looked_step = 0
        self._first_step_ended = 0.0
        self._steps = 0  # of this round
        self._steps_done = 0

    @override
    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin round `epoch`, as Keras calls it."""
        self._interruption.raise_if_asked()
        self._dataset.round = epoch
        self._round_began = self._looked_at = time.monotonic()
        self._looked_step = self._steps_done = 0
        self._steps = min(self.plan.round_steps, self.plan.total_steps - self.progress.steps)

    @override
    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the loss about twice a second; reading it more often would make the processor wait for us."""
        self._interruption.raise_if_asked()
        self._steps_done = batch + 1
        now = time.monotonic()
        if batch == 0:
            self._first_step_ended = now
        if batch + 1 >= self._steps and self._steps < self.plan.round_steps:
            self.model.stop_training = True  # Keras would go on to a whole round
        if now - self._looked_at < _SECONDS_BETWEEN_LOOKS:
            return
        perplexity = float((logs or {})["perplexity"])
        step = self.progress.steps + batch + 1
        self._refuse_unless_finite("training", perplexity, step)
        words = (batch + 1 - self._looked_step) * self._words_per_step
        self._observer.on_step(step, perplexity, words / (time.monotonic() - self._looked_at))
        self._looked_at, self._looked_step = time.monotonic(), batch + 1

    @override
    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Note that training gives way to validation."""
        if self._training_ended > self._round_began:
            return  # the second of two averages is validated
        self._training_ended = time.monotonic()
        self._observer.on_validation()

    @override
    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Let a signal interrupt validation too."""
        self._interruption.raise_if_asked()

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """End a round: record it, decide, and make it safe."""
        if self.was_cut_short:
            return
        record = self._record(epoch + 1, logs or {})
        self._refuse_unless_finite("training", record.train_perplexity, record.step)
        self._refuse_unless_finite("validation", record.valid_perplexity, record.step)
        if self._time_plan is not None:
            records = (*self.progress.records, record)
            self._plan_anew(self._time_plan.total_steps(records, self.plan.total_steps), record.step)
        self.progress = self.progress.after_round(record, self._options, self.plan.total_steps)
        if self._options.schedule == "plateau":
            self.model.optimizer.learning_rate = self._options.learning_rate * self.progress.rate_factor
        if self.model.optimizer.averages is not None:
            self.model.optimizer.averages.end_round(self.progress)
        self._save(self.progress)
        self._observer.on_round(record, self.progress)
        if self.progress.finished:
            self.model.stop_training = True

    @property
    def was_cut_short(self) -> bool:
        """Whether a callback stopped the training in the middle of the latest round."""
        return self._steps_done < self._steps

    def _plan_anew(self, total_steps: int, step: int) -> None:
        """Plan so many steps in all, now that `step` are done, and let the learning rate know."""
        self.plan = self.plan.with_total(total_steps)
        self.progress = replace(self.progress, planned_steps=(*self.progress.planned_steps, total_steps))
        self.model.optimizer.pace.plan(step, total_steps)

    def _record(self, round_number: int, logs: Mapping[str, Any]) -> RoundRecord:
        counted_until, now = self._counted_until, time.monotonic()
        self._counted_until = now  # so that saving counts too, in the round after
        step = self.progress.steps + self._steps
        words = self._steps * self._words_per_step
        training_seconds = self._training_ended - self._round_began
        after_first = self._training_ended - self._first_step_ended
        return RoundRecord(
            round=round_number,
            step=step,
            epoch=step / self.plan.steps_per_epoch,
            learning_rate=float(self.model.optimizer.learning_rate),
            train_perplexity=float(logs["perplexity"]),
            train_accuracy=float(logs["accuracy"]),
            valid_perplexity=float(logs["val_perplexity"]),
            valid_accuracy=float(logs["val_accuracy"]),
            words_per_second=words / training_seconds,
            seconds=self.progress.seconds + now - counted_until,
            step_seconds=after_first / (self._steps - 1) if self._steps > 1 else training_seconds,
            validation_seconds=now - self._training_ended,
            averaged_steps=int(logs.get("val_averaged_steps", 0)),
        )

    def _refuse_unless_finite(self, split: str, perplexity: float, step: int) -> None:
        if not math.isfinite(perplexity):
            safe = self.progress.steps
            kept = f"the checkpoint of step {safe} is kept" if safe else "there was no checkpoint yet"
            raise TrainingDivergedError(
                f"the {split} perplexity must be a finite number, but is {perplexity} at step {step}; {kept}; "
                "train anew with a lower `learning_rate` or a smaller `clip_norm`"
            )
