"""Training in rounds, from the first one or the last safe one to the end."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, override

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import Windows
from nextword.batching.windows import make_windows, validation_streams
from nextword.errors import CheckpointError, TrainingDivergedError
from nextword.models.language_model import LanguageModel
from nextword.text.corpus import TrainingText
from nextword.training.candidate_sampler import make_sampler
from nextword.training.checkpoint_store import Checkpoint, CheckpointStore
from nextword.training.config import RunConfig
from nextword.training.informed_start import begin_model, token_counts
from nextword.training.interruption import Interruption
from nextword.training.log import SilentObserver, TrainingObserver, write_log
from nextword.training.optimizer import make_optimizer
from nextword.training.options import TrainingOptions
from nextword.training.plan import RoundPlan, TimePlan
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.run_directory import RunDirectory
from nextword.training.step import RoundDataset, StreamModel, capture, fingerprint, restore

_SECONDS_BETWEEN_LOOKS = 0.5

_ANY_NUMBER_OF_ROUNDS = 10**6

# By so much may a plan by the clock still grow before the windows' lengths are forgotten.
_LENGTHS_AHEAD = 4


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


class Trainer:
    """Trains a language model in rounds, each made safe in a checkpoint store before the next begins.

    Run it again over the same store and it goes on after the last safe round, to the very bits that an uninterrupted
    training on the same machine ends with.

    Args:
        model: The model to train, in place.
        train: Training windows.
        valid: Validation windows; they are gone over once a round.
        options: Length, optimizer and decisions.
        store: Where the checkpoints are; what it holds already is gone on with.
        token_counts: How often each token occurs in the training text; asked for by `sampled_softmax` alone.
        observer: Who watches.
        callbacks: Keras callbacks of the user's own. An epoch, to them, is a round; what they remember themselves is
            not kept over an interruption.
        seconds_before: What was spent on the weights before the first round; it counts as time of the training.

    Raises:
        CheckpointError: The store holds the checkpoints of another model.
        SettingError: `sampled_softmax` is not below the vocabulary, or does not go with the model's softmax, or
            `label_smoothing` or `z_loss` does not.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        train: Windows,
        valid: Windows,
        options: TrainingOptions,
        store: CheckpointStore,
        token_counts: NDArray[np.integer[Any]] | None = None,
        observer: TrainingObserver | None = None,
        callbacks: Sequence[Any] = (),
        seconds_before: float = 0.0,
    ) -> None:
        options.check_softmax(model.architecture)
        self.model = model
        self.plan = RoundPlan.of(options, train.steps_per_epoch)
        self.interruption = Interruption()
        self.warnings: list[str] = []
        self._time_plan = TimePlan.of(options)
        self._train = RoundDataset(train, self.plan.round_steps)
        self._valid = RoundDataset(valid, valid.steps_per_epoch)
        self._options = options
        self._store = store
        self._observer = observer or SilentObserver()
        self._callbacks = callbacks
        self._stream = StreamModel(
            model,
            batch_size=train.batch_size,
            valid_batch_size=valid.batch_size,
            loss=options.loss,
            label_smoothing=options.label_smoothing,
            z_loss=options.z_loss,
            activation_regularization=options.activation_regularization,
            temporal_activation_regularization=options.temporal_activation_regularization,
            sampler=make_sampler(options, model.architecture.vocabulary_size, token_counts),
        )
        optimizer = make_optimizer(
            options,
            steps_per_epoch=self.plan.steps_per_epoch,
            total_steps=self.plan.total_steps,
            relative_lengths=train.relative_lengths(self.plan.total_steps * (_LENGTHS_AHEAD if self._time_plan else 1)),
            compute_dtype=model.product_dtype,
            paced=self._time_plan is not None,
        )
        self._stream.compile(optimizer=optimizer)
        optimizer.build(self._stream.trainable_variables)
        self.progress = self._resume(seconds_before)

    def run(self) -> TrainingProgress:
        """Train to the end, and leave the best weights in the model.

        Raises:
            TrainingInterrupted: A signal asked to stop; what was done since the last round is to be done again.
            TrainingDivergedError: The loss is no longer a finite number; the last checkpoint is kept.
        """
        self._observer.on_start(self.plan, self.progress)
        if not self.progress.finished:
            self._fit()
        return self.finish()

    def finish(self) -> TrainingProgress:
        """Leave the best weights so far in the model, without training any further.

        Raises:
            CheckpointError: No round was finished yet.
        """
        if not self.progress.rounds:
            raise CheckpointError("a training must have finished a round before it can be ended; train on")
        self._take_best_weights()
        return self.progress

    def _fit(self) -> None:
        rounds = RoundCallback(
            dataset=self._train,
            plan=self.plan,
            time_plan=self._time_plan,
            options=self._options,
            progress=self.progress,
            save=self._save,
            observer=self._observer,
            interruption=self.interruption,
        )
        try:
            self._stream.fit(
                self._train,
                validation_data=self._valid,
                initial_epoch=self.progress.rounds,
                epochs=self.plan.num_rounds if self._time_plan is None else _ANY_NUMBER_OF_ROUNDS,
                callbacks=[*self._callbacks, rounds],
                shuffle=False,
                verbose=0,
            )
        finally:
            self.progress = rounds.progress
        if rounds.was_cut_short:
            self._go_back_to_the_last_round()

    def _go_back_to_the_last_round(self) -> None:
        """Leave the steps of a round that a callback ended early, so that all that is kept is of whole rounds."""
        newest = self._store.newest()
        self.warnings.append(
            f"a callback stopped the training within round {self.progress.rounds + 1}, of which nothing is kept"
        )
        if newest is not None:
            restore(self._stream, newest.arrays)

    def _save(self, progress: TrainingProgress) -> None:
        state = {"progress": progress.to_table(), "fingerprint": fingerprint()}
        self._store.save(progress.steps, capture(self._stream), state, best=progress.latest_is_best)

    def _resume(self, seconds_before: float) -> TrainingProgress:
        checkpoint = self._store.newest()
        if checkpoint is None:
            return TrainingProgress(seconds_before=seconds_before, planned_steps=self._options.planned_steps[:1])
        progress = TrainingProgress.from_table(checkpoint.state["progress"])
        missing = progress.rounds * self.plan.round_steps - checkpoint.step
        last_is_shorter = self._time_plan is not None and progress.finished
        if missing != 0 and not (last_is_shorter and 0 < missing < self.plan.round_steps):
            raise CheckpointError(
                f"the checkpoint of step {checkpoint.step} must lie at the end of a round of {self.plan.round_steps} "
                "steps, but does not; resume with the settings that the run began with"
            )
        restore(self._stream, checkpoint.arrays)
        self._warn_of_other_machine(checkpoint)
        return progress

    def _warn_of_other_machine(self, checkpoint: Checkpoint) -> None:
        then, now = checkpoint.state["fingerprint"], fingerprint()
        changes = [f"{key} {then.get(key)} -> {now[key]}" for key in now if then.get(key) != now[key]]
        if changes:
            self.warnings.append(
                f"resumed with {', '.join(changes)}: the result will be as good, but not the same to the bit"
            )

    def _take_best_weights(self) -> None:
        if not self.progress.latest_is_best:
            best = self._store.best()
            if best is None:
                self.warnings.append("the best checkpoint is damaged; the model keeps the newest weights")
            else:
                restore(self._stream, best.arrays)
        if self._stream.optimizer.averages is not None:
            self._stream.optimizer.averages.kept.take()


def _say_nothing(_message: str) -> None:
    """Take the place of a `say` that was not given."""


@dataclass(frozen=True)
class Surroundings:
    """Who watches a run, who is told, and where its text is looked for.

    Attributes:
        observer: Watches the training.
        say: Is told, in sentences, what is being done and what was met.
        callbacks: Keras callbacks of the user's own.
        data_dir: A folder of samples.
        cache_dir: Where derived files are kept.
    """

    observer: TrainingObserver = field(default_factory=SilentObserver)
    say: Callable[[str], None] = _say_nothing
    callbacks: Sequence[Any] = ()
    data_dir: Path | None = None
    cache_dir: Path | None = None


def fit_model(
    model: LanguageModel,
    corpus: TrainingText,
    config: RunConfig,
    directory: RunDirectory,
    around: Surroundings,
    *,
    finish: bool = False,
) -> TrainingProgress:
    """Train `model` in place over the checkpoints of a run directory, and keep its log.

    With `finish` it is not trained, but given the best weights that the checkpoints hold.
    """
    store = CheckpointStore(directory.checkpoints, warn=around.say)
    options = config.training
    seconds_before = begin_model(model, corpus, options, store)
    train, valid = _windows(corpus, config)
    trainer = Trainer(
        model,
        train=train,
        valid=valid,
        options=options,
        store=store,
        token_counts=token_counts(corpus) if options.sampled_softmax else None,
        observer=_Logging(around.observer, directory.root),
        callbacks=around.callbacks,
        seconds_before=seconds_before,
    )
    about_resuming = list(trainer.warnings)
    for warning in about_resuming:
        around.say(warning)
    with trainer.interruption.listening():
        progress = trainer.finish() if finish else trainer.run()
    for warning in trainer.warnings[len(about_resuming) :]:
        around.say(warning)
    write_log(directory.root, progress)
    return progress


def _windows(corpus: TrainingText, config: RunConfig) -> tuple[Windows, Windows]:
    """Return the windows to train on and those to validate on."""
    end_id = corpus.tokenizer.vocabulary.end_id
    train = make_windows(corpus.train.ids, config.batching, end_id=end_id)
    return train, validation_streams(corpus.valid.ids, end_id=end_id)


class _Logging:
    """An observer that keeps the log and passes everything on."""

    def __init__(self, observer: TrainingObserver, root: Path) -> None:
        self._root = root
        self.on_start = observer.on_start
        self.on_step = observer.on_step
        self.on_validation = observer.on_validation
        self._on_round = observer.on_round

    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        """Write the log anew, then pass the round on."""
        write_log(self._root, progress)
        self._on_round(record, progress)
