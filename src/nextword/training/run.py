"""The loop of a training run over rounds, from the first one or the last checkpoint to the end."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from nextword.errors import CheckpointError, TrainingDivergedError, TrainingInterrupted, counted
from nextword.training import distributed
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import Interruption, RunContext
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress
from nextword.training.step.round_callbacks import Intervals, RoundCallbacks, interval_ends
from nextword.training.step.step import TrainingMetrics, TrainingStep, ValidationMetrics
from nextword.training.step.stream_model import fingerprint


class TrainingRun:
    """Trains a language model in rounds, and saves a checkpoint after each.

    A new run over the same store resumes after the last saved round. On the same machine, the result is bit-identical
    to that of an uninterrupted run.

    Args:
        step: The training step, with its options and its plan; its model is trained in place.
        store: The checkpoints; the run resumes from the newest one.
        log: Called with the progress after each saved round, to write the log.
        context: Receives progress and warnings. Its Keras callbacks see each round as an epoch; their own state is lost
            when a run is interrupted.
        seconds_before: Time of the weight initialization, in seconds; it is part of the run.

    Raises:
        CheckpointError: The store holds checkpoints of another model.
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
        self.interruption = Interruption(only_between_rounds=distributed.num_processes() > 1)
        self._options = step.options
        self._store = store
        self._log = log
        self._observer = context.observer
        self._say = context.say
        self._warn = context.warn
        self._counted_until = 0.0
        self._resume()
        self._callbacks = RoundCallbacks(
            step.stream,
            context.callbacks,
            report=self._report,
            interruption=self.interruption,
            epochs=self.plan.num_rounds,
            steps=self.plan.round_steps,
        )

    def save_start(self) -> None:
        """Save a checkpoint before the first step, from which a run with weights of the user's resumes."""
        if distributed.checkpoint_of(self._store.newest) is None:
            self._save()

    def validate_start(self) -> None:
        """Validate the weights before the first step, which count as the best so far, and save them."""
        if distributed.checkpoint_of(self._store.newest) is not None:
            return
        self._observer.on_validation()
        validated = self.step.validate(self._callbacks)
        self._require_finite("validation", validated.perplexity, 0)
        self.progress = replace(
            self.progress,
            seconds_before=self.progress.seconds_before + validated.seconds,
            start_perplexity=validated.perplexity,
            finished=not self.plan.total_steps,
        )
        self._save(best=True)

    def run(self, *, to_end: bool = True) -> TrainingProgress:
        """Train to the end, unless a run is ended where it is, and load the best weights into the model.

        Raises:
            TrainingInterrupted: A signal requested a stop; the steps since the last round are lost.
            TrainingDivergedError: The loss is not finite; the last checkpoint is kept.
        """
        self._observer.on_start(self.plan, self.progress)
        if to_end and not self.progress.finished:
            self._train()
            self._report_early_stop()
        return self.finish()

    def _train(self) -> None:
        self._counted_until = time.monotonic()
        self._callbacks.begin()
        while not self.progress.finished:
            self._stop_if_signaled()
            # plan
            steps = self.plan.steps_after(self.progress.steps)
            # round: one epoch of Keras's fit over the round's windows
            with self._loss_named():
                trained, points = self._train_round(steps)
            if trained.num_steps < steps:
                self._discard_round()
                break
            # exchange: the weights of several processes become one
            if self._options.sync_every > 1:
                distributed.average(self.step.stream)
            # validate: the weights, or the weight averages if there are any
            self._observer.on_validation()
            with self._loss_named():
                validated = self.step.validate(self._callbacks)
            self._end_round_of_callbacks(trained, validated)
            # decide
            record = RoundRecord(**distributed.agreed(asdict(self._record(trained, validated))))
            self._require_finite("training", record.train_perplexity, record.step)
            self._require_finite("validation", record.valid_perplexity, record.step)
            self.plan = self.plan.after((*self.progress.records, record))
            self.progress = self.progress.after_round(record, self._options, self.plan.total_steps, points)
            self.step.end_round(self.plan, self.progress)
            # save, log, then report
            self._save(best=self.progress.latest_is_best)
            self._log(self.progress)
            self._observer.on_round(record, self.plan, self.progress)
            if distributed.agreed(bool(self.step.stream.stop_training)):  # set by a user callback
                break
        self._callbacks.end()
        self._stop_if_signaled()

    @contextmanager
    def _loss_named(self) -> Iterator[None]:
        """Say in an interruption which steps a resumed run takes again."""
        try:
            yield
        except TrainingInterrupted as stop:
            rounds = self.progress.rounds
            since = f"since round {rounds}" if rounds else "so far, in the first round,"
            steps = counted(self._callbacks.steps_done, "step")
            raise TrainingInterrupted(stop.signal_number, f"the {steps} {since} will be repeated") from stop

    def _report_early_stop(self) -> None:
        """Say that the patience ended the run, and that this is a good end."""
        done, best = self.progress.rounds, self.progress.best_round
        if self.progress.finished and self.progress.steps < self.plan.total_steps:
            since = f"round {best}" if best else "the start"
            self._say(f"done early after round {done}: validation has not improved since {since}, which is kept")

    def finish(self) -> TrainingProgress:
        """Load the best weights so far into the model, without further training."""
        if not self.progress.has_weights:
            raise CheckpointError("a run must have at least one finished round to be ended, but has none; resume it")
        if not self.progress.latest_is_best:
            best = distributed.checkpoint_of(self._store.best)
            if best is None:
                self._warn("the best checkpoint is damaged; the model keeps the newest weights")
            else:
                self.step.restore(best.arrays)
        if int(self.step.optimizer.iterations):  # before the first step there are no averages
            self.step.optimizer.averages.replace_weights()
        return self.progress

    def _train_round(self, steps: int) -> tuple[TrainingMetrics, list[TrainingPoint]]:
        ends = interval_ends(self.progress.rounds + 1, steps)
        first = self.progress.steps
        rates = {end: self.step.optimizer.learning_rate_after(first + end) for end in ends}
        points: list[TrainingPoint] = []

        def end_interval(done: int, perplexity: float, steps_per_second: float) -> None:
            step = first + done
            speed = steps_per_second * self.step.words_per_step
            point = TrainingPoint(step, step / self.plan.steps_per_epoch, perplexity, rates[done], speed)
            points.append(point)
            self._observer.on_point(point)

        intervals = Intervals(ends, end_interval)
        return self.step.train_round(first, steps, self._callbacks, intervals, plan=self.plan), points

    def _report(self, steps: int, perplexity: float, steps_per_second: float) -> None:
        step = self.progress.steps + steps
        if distributed.num_processes() == 1:  # several find it together, at the end of the round
            self._require_finite("training", perplexity, step)
        self._observer.on_step(step, perplexity, steps_per_second * self.step.words_per_step)

    def _end_round_of_callbacks(self, trained: TrainingMetrics, validated: ValidationMetrics) -> None:
        figures = {"perplexity": trained.perplexity, "accuracy": trained.accuracy}
        figures |= {"val_perplexity": validated.perplexity, "val_accuracy": validated.accuracy}
        figures |= {"val_loss": math.log(validated.perplexity)}  # what Keras's callbacks monitor by default
        self._callbacks.end_round(self.progress.rounds, {**self._callbacks.figures, **figures})

    def _record(self, trained: TrainingMetrics, validated: ValidationMetrics) -> RoundRecord:
        counted_until, self._counted_until = self._counted_until, time.monotonic()
        step = self.progress.steps + trained.num_steps
        return RoundRecord(
            round=self.progress.rounds + 1,
            step=step,
            epoch=step / self.plan.steps_per_epoch,
            learning_rate=float(self.step.optimizer.learning_rate),
            train_perplexity=trained.perplexity,
            train_accuracy=trained.accuracy,
            valid_perplexity=validated.perplexity,
            valid_accuracy=validated.accuracy,
            words_per_second=trained.num_steps * self.step.words_per_step / trained.seconds,
            # The time to save counts in the next round.
            seconds=self.progress.seconds + self._counted_until - counted_until,
            step_seconds=trained.step_seconds,
            validation_seconds=validated.seconds,
            averaged_steps=validated.averaged_steps,
        )

    def _require_finite(self, split: str, perplexity: float, step: int) -> None:
        if not math.isfinite(perplexity):
            is_saved = self.progress.has_weights
            kept = f"the checkpoint of step {self.progress.steps} is kept" if is_saved else "there is no checkpoint yet"
            raise TrainingDivergedError(
                f"the {split} perplexity must be a finite number, but is {perplexity} at step {step}; {kept}; "
                "train again with a lower `learning_rate` or a smaller `clip_norm`"
            )

    def _stop_if_signaled(self) -> None:
        """Stop at a signal; of several processes, all stop if it reached one."""
        signals = distributed.gathered(np.array([self.interruption.signal_number or 0]))
        self.interruption.raise_between_rounds(int(signals.max()))

    def _save(self, *, best: bool = False) -> None:
        arrays = self.step.capture()
        if not distributed.process_id():
            self._store.save(self.progress.steps, arrays, self._state(), best=best)

    def _state(self) -> dict[str, Any]:
        return {
            "progress": self.progress.to_table(),
            "planned_steps": list(self.plan.planned_steps),
            "fingerprint": fingerprint(),
            "processes": distributed.num_processes(),
        }

    def _resume(self) -> None:
        checkpoint = distributed.checkpoint_of(self._store.newest)
        if checkpoint is None:
            return
        began, come = checkpoint.state.get("processes", 1), distributed.num_processes()
        if come != began:
            raise CheckpointError(
                f"a run must be resumed by as many processes as began it, {began}, but is by {come}; start {began}"
            )
        progress = TrainingProgress.from_table(checkpoint.state["progress"])
        missing = progress.rounds * self.plan.round_steps - checkpoint.step
        if missing != 0 and not (progress.finished and 0 < missing < self.plan.round_steps):
            raise CheckpointError(
                f"the checkpoint of step {checkpoint.step} must be at the end of a round of {self.plan.round_steps} "
                "steps, but is not; resume with the original settings of the run"
            )
        self.step.restore(checkpoint.arrays)
        self.progress = progress
        if self.plan.time:
            self.plan = replace(self.plan, planned_steps=tuple(checkpoint.state["planned_steps"]))
        then, now = checkpoint.state["fingerprint"], fingerprint()
        changes = [f"{key} {then.get(key)} -> {now[key]}" for key in now if then.get(key) != now[key]]
        if changes:
            self._warn(f"resumed with {', '.join(changes)}: the result will be equally good, but not bit-identical")

    def _discard_round(self) -> None:
        """Discard the steps of a round that a user callback stopped."""
        self._warn(f"a callback stopped the run within round {self.progress.rounds + 1}; its steps are discarded")
        newest = distributed.checkpoint_of(self._store.newest)
        if newest is not None:
            self.step.restore(newest.arrays)
