"""Training from the first round, or the last safe one, to the end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import Windows
from nextword.errors import CheckpointError
from nextword.models.language_model import LanguageModel
from nextword.training.candidate_sampler import make_sampler
from nextword.training.checkpoint_store import Checkpoint, CheckpointStore
from nextword.training.dataset import RoundDataset
from nextword.training.interruption import Interruption
from nextword.training.observer import SilentObserver, TrainingObserver
from nextword.training.optimizer import make_optimizer
from nextword.training.options import TrainingOptions
from nextword.training.progress import TrainingProgress
from nextword.training.round_callback import RoundCallback
from nextword.training.round_plan import RoundPlan
from nextword.training.stream_model import StreamModel
from nextword.training.time_plan import TimePlan
from nextword.training.training_state import capture, fingerprint, restore

_ANY_NUMBER_OF_ROUNDS = 10**6

# By so much may a plan by the clock still grow before the windows' lengths are forgotten.
_LENGTHS_AHEAD = 4


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
