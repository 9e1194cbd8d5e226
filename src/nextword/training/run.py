"""A training run in rounds, from the first one or the last safe one to the end."""

import math
import time
from collections.abc import Callable
from typing import Any

from nextword.errors import CheckpointError, TrainingDivergedError
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import RunContext
from nextword.training.interruption import Interruption
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.round_watch import RoundWatch
from nextword.training.step import Learned, TrainingStep, Validated
from nextword.training.stream_model import fingerprint


class TrainingRun:
    """Trains a language model in rounds, each made safe in a checkpoint store before the next begins.

    Run it again over the same store and it resumes after the last safe round; the result is bit-identical to that of
    an uninterrupted run on the same machine.

    Args:
        step: The training step of the model, which is trained in place, with its options and its plan.
        store: Where the checkpoints are; what it holds already is resumed from.
        log: Receives the progress after each round that is safe, to write it down.
        context: Receives progress and warnings. To its Keras callbacks, an epoch is a round; what they remember
            themselves is not kept over an interruption.
        seconds_before: Time that the start of the weights took before the first round; it counts as time of the run.

    Raises:
        CheckpointError: The store holds the checkpoints of another model.
    """

    def __init__(
        self,
        step: TrainingStep,
        store: CheckpointStore,
        log: Callable[[TrainingProgress], object],
        context: RunContext,
        *,
        seconds_before: float = 0.0,
    ) -> None:
        self.step = step
        self.plan = step.plan
        self.progress = TrainingProgress(seconds_before=seconds_before)
        self.interruption = Interruption()
        self._options = step.options
        self._store = store
        self._log = log
        self._observer = context.observer
        self._warn = context.warn
        self._watch = RoundWatch(
            step.stream,
            context.callbacks,
            look=self._look,
            interruption=self.interruption,
            epochs=self.plan.num_rounds,
            steps=self.plan.round_steps,
        )
        self._counted_until = 0.0
        self._resume()

    def run(self) -> TrainingProgress:
        """Train to the end, and leave the best weights in the model.

        Raises:
            TrainingInterrupted: A signal asked to stop; what was done since the last round must be done again.
            TrainingDivergedError: The loss is no longer a finite number; the last checkpoint is kept.
        """
        self._observer.on_start(self.plan, self.progress)
        if not self.progress.finished:
            self._train()
        return self.finish()

    def _train(self) -> None:
        self._counted_until = time.monotonic()
        self._watch.begin()
        while not self.progress.finished:
            self.interruption.raise_if_asked()
            # plan
            steps = self.plan.steps_after(self.progress.steps)
            # round: one epoch of Keras's fit over the round's windows
            learned = self.step.learn(self.progress.steps, steps, self._watch)
            if learned.num_steps < steps:
                self._return_to_the_last_round()
                break
            # validate: the weights, or the averages in their place, whichever count
            self._observer.on_validation()
            found = self.step.validate(self._watch)
            self._tell_callbacks(learned, found)
            # decide
            record = self._record(learned, found)
            self._refuse_unless_finite("training", record.train_perplexity, record.step)
            self._refuse_unless_finite("validation", record.valid_perplexity, record.step)
            self.plan = self.plan.after((*self.progress.records, record))
            self.progress = self.progress.after_round(record, self._options, self.plan.total_steps)
            self.step.follow(self.plan, self.progress)
            # save, log, then tell
            self._store.save(self.progress.steps, self.step.capture(), self._state(), best=self.progress.latest_is_best)
            self._log(self.progress)
            self._observer.on_round(record, self.plan, self.progress)
            if self.step.stream.stop_training:  # as a callback of the user's asked
                break
        self._watch.end()

    def finish(self) -> TrainingProgress:
        """Leave the best weights so far in the model, without training any further.

        Raises:
            CheckpointError: No round was finished yet.
        """
        if not self.progress.rounds:
            raise CheckpointError("a run must have finished a round before it can be ended; train on")
        if not self.progress.latest_is_best:
            best = self._store.best()
            if best is None:
                self._warn("the best checkpoint is damaged; the model keeps the newest weights")
            else:
                self.step.restore(best.arrays)
        self.step.optimizer.averages.take()
        return self.progress

    def _look(self, steps: int, perplexity: float, steps_per_second: float) -> None:
        """Refuse a loss that is not finite within a round, and pass the others on."""
        step = self.progress.steps + steps
        self._refuse_unless_finite("training", perplexity, step)
        self._observer.on_step(step, perplexity, steps_per_second * self.step.words_per_step)

    def _tell_callbacks(self, learned: Learned, found: Validated) -> None:
        figures = {"perplexity": learned.perplexity, "accuracy": learned.accuracy}
        validated = {"val_perplexity": found.perplexity, "val_accuracy": found.accuracy}
        self._watch.end_round(self.progress.rounds, {**self._watch.figures, **figures, **validated})

    def _record(self, learned: Learned, found: Validated) -> RoundRecord:
        counted_until, self._counted_until = self._counted_until, time.monotonic()
        step = self.progress.steps + learned.num_steps
        return RoundRecord(
            round=self.progress.rounds + 1,
            step=step,
            epoch=step / self.plan.steps_per_epoch,
            learning_rate=float(self.step.optimizer.learning_rate),
            train_perplexity=learned.perplexity,
            train_accuracy=learned.accuracy,
            valid_perplexity=found.perplexity,
            valid_accuracy=found.accuracy,
            words_per_second=learned.num_steps * self.step.words_per_step / learned.seconds,
            # Saving counts too, in the round after.
            seconds=self.progress.seconds + self._counted_until - counted_until,
            step_seconds=learned.step_seconds,
            validation_seconds=found.seconds,
            averaged_steps=found.averaged_steps,
        )

    def _refuse_unless_finite(self, split: str, perplexity: float, step: int) -> None:
        if not math.isfinite(perplexity):
            safe = self.progress.steps
            kept = f"the checkpoint of step {safe} is kept" if safe else "there was no checkpoint yet"
            raise TrainingDivergedError(
                f"the {split} perplexity must be a finite number, but is {perplexity} at step {step}; {kept}; "
                "train again with a lower `learning_rate` or a smaller `clip_norm`"
            )

    def _state(self) -> dict[str, Any]:
        return {
            "progress": self.progress.to_table(),
            "planned_steps": list(self.plan.planned_steps),
            "fingerprint": fingerprint(),
        }

    def _resume(self) -> None:
        """Go back to where the newest checkpoint stands, if there is one."""
        checkpoint = self._store.newest()
        if checkpoint is None:
            return
        progress = TrainingProgress.from_table(checkpoint.state["progress"])
        missing = progress.rounds * self.plan.round_steps - checkpoint.step
        last_is_shorter = self.plan.time is not None and progress.finished
        if missing != 0 and not (last_is_shorter and 0 < missing < self.plan.round_steps):
            raise CheckpointError(
                f"the checkpoint of step {checkpoint.step} must lie at the end of a round of {self.plan.round_steps} "
                "steps, but does not; resume with the settings that the run began with"
            )
        self.step.restore(checkpoint.arrays)
        self.progress = progress
        self.plan = self.plan.resumed(checkpoint.state["planned_steps"])
        then, now = checkpoint.state["fingerprint"], fingerprint()
        changes = [f"{key} {then.get(key)} -> {now[key]}" for key in now if then.get(key) != now[key]]
        if changes:
            self._warn(f"resumed with {', '.join(changes)}: the result will be as good, but not bit-identical")

    def _return_to_the_last_round(self) -> None:
        """Leave the steps of a round that a callback of the user's stopped early."""
        self._warn(f"a callback stopped the run within round {self.progress.rounds + 1}, of which nothing is kept")
        newest = self._store.newest()
        if newest is not None:
            self.step.restore(newest.arrays)
