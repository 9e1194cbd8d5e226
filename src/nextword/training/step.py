"""The training step: model, loss, optimizer and windows, built and compiled once for a run."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import Window, Windows
from nextword.models.language_model import LanguageModel
from nextword.training.candidate_sampler import CandidateSampler
from nextword.training.optimizer import make_optimizer
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.round_watch import RoundWatch
from nextword.training.stream_model import Arrays, Batch, StreamModel, capture, restore

# A plan by the clock may still grow by this factor before the windows' lengths are forgotten.
_LENGTHS_AHEAD = 4


@dataclass(frozen=True)
class Learned:
    """What the training steps of a round came to.

    Attributes:
        num_steps: Steps taken; fewer than asked for if a callback of the user's stopped the round.
        perplexity: Over the round, with dropout, while the weights were changing.
        accuracy: Part of the targets that were the first guess, in the same way.
        seconds: What the steps took.
        step_seconds: Time of a step, without the first of the round if there are others.
    """

    num_steps: int
    perplexity: float
    accuracy: float
    seconds: float
    step_seconds: float


@dataclass(frozen=True)
class Validated:
    """What a validation came to.

    Attributes:
        perplexity: Of the validation split.
        accuracy: Part of its tokens that were the first guess.
        seconds: What it took.
        averaged_steps: Steps over which the weights were averaged; 0 if the weights themselves were validated.
    """

    perplexity: float
    accuracy: float
    seconds: float
    averaged_steps: int


class TrainingStep:
    """Takes training steps and validates, a round at a time, with one compiled step for all rounds.

    Whatever trains, and whatever measures the speed of training, takes its steps here.

    Args:
        model: The model to train, in place.
        options: Optimizer, loss and averages.
        plan: The rounds as planned before the first, and so how long the schedules are.
        train: Training windows.
        valid: Validation windows.
        token_counts: How often each token occurs in the training text, `(V,)`; read by `sampled_softmax` alone, to
            which all are alike without.

    Raises:
        SettingError: `sampled_softmax` is not below the vocabulary, or the loss does not go with the model's softmax.
    """

    def __init__(
        self,
        model: LanguageModel,
        options: TrainingOptions,
        plan: Plan,
        *,
        train: Windows,
        valid: Windows,
        token_counts: NDArray[np.integer[Any]] | None = None,
    ) -> None:
        options.check_softmax(model.architecture)
        self.model = model
        self.options = options
        self.plan = plan
        self._train = train
        self._valid = valid
        sampler = None
        if options.sampled_softmax is not None:
            counts = np.ones(model.architecture.vocabulary_size, np.int64) if token_counts is None else token_counts
            sampler = CandidateSampler(counts, options.sampled_softmax, seed=options.seed, name="sampler")
        self.stream = StreamModel(
            model, options, batch_size=train.batch_size, valid_batch_size=valid.batch_size, sampler=sampler
        )
        lengths = train.relative_lengths(plan.total_steps * (_LENGTHS_AHEAD if plan.time else 1))
        self.optimizer = make_optimizer(options, plan, relative_lengths=lengths, compute_dtype=model.product_dtype)
        self.stream.compile(optimizer=self.optimizer)
        self.optimizer.build(self.stream.trainable_variables)

    @property
    def words_per_step(self) -> int:
        """Number of cells in a training window."""
        return self._train.batch_size * self._train.num_steps

    def learn(self, first_step: int, num_steps: int, watch: RoundWatch | None = None) -> Learned:
        """Take the steps of a round, on the windows from `first_step` on.

        Raises:
            TrainingInterrupted: A signal asked to stop.
            TrainingDivergedError: The watch found a loss that is not finite.
        """
        watch = watch or RoundWatch(self.stream)
        round_number = first_step // self.plan.round_steps
        began = time.monotonic()
        self.stream.fit(
            RoundDataset(self._train, first_step, num_steps),
            initial_epoch=round_number,
            epochs=round_number + 1,
            callbacks=watch,
            shuffle=False,
            verbose=0,
        )
        # Reading the figures waits for the last step.
        perplexity, accuracy = (float(watch.figures[name]) for name in ("perplexity", "accuracy"))
        ended, done = time.monotonic(), watch.steps_done
        after_first = (ended - watch.first_step_ended) / (done - 1) if done > 1 else ended - began
        return Learned(done, perplexity, accuracy, ended - began, after_first)

    def validate(self, watch: RoundWatch | None = None) -> Validated:
        """Validate the weights, or in their place the averages that the optimizer keeps, of which the best counts.

        Raises:
            TrainingInterrupted: A signal asked to stop.
        """
        watch = watch or RoundWatch(self.stream)
        began, done = time.monotonic(), int(self.optimizer.iterations)
        averaged_steps, figures = self.optimizer.averages.validate(lambda: self._evaluate(watch), done)
        return Validated(figures["perplexity"], figures["accuracy"], time.monotonic() - began, averaged_steps)

    def follow(self, plan: Plan, progress: TrainingProgress) -> None:
        """Let learning rate and averages follow from the rounds so far."""
        if plan.time is not None:
            self.optimizer.pace.plan(progress.steps, plan.total_steps)
        if self.options.schedule == "plateau":
            self.optimizer.learning_rate = self.options.learning_rate * progress.rate_factor
        self.optimizer.averages.end_round(progress)

    def capture(self) -> Arrays:
        """Return all that a checkpoint holds of the step, by name; see `stream_model.capture`."""
        return capture(self.stream)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `capture` took.

        Raises:
            CheckpointError: The arrays are not those of this model.
        """
        restore(self.stream, arrays)

    def _evaluate(self, watch: RoundWatch) -> Mapping[str, float]:
        dataset = RoundDataset(self._valid, 0, self._valid.steps_per_epoch)
        try:
            figures: Mapping[str, float] = self.stream.evaluate(dataset, callbacks=watch, return_dict=True, verbose=0)
            return figures
        finally:
            if keras.backend.backend() == "jax":
                self.stream.jax_state_sync()  # an exception that passes would leave the model without its weights


class RoundDataset(keras.utils.PyDataset):
    """The windows of one round, or of one validation, as Keras reads them; each batch is made of fresh arrays.

    Args:
        windows: Where the windows come from.
        first_step: Number of the first window.
        num_steps: How many there are.
    """

    def __init__(self, windows: Windows, first_step: int, num_steps: int) -> None:
        super().__init__()
        self._windows = windows
        self._first_step = first_step
        self._num_steps = num_steps

    def __len__(self) -> int:
        """Return the number of windows."""
        return self._num_steps

    def __getitem__(self, index: int) -> Batch:
        """Return window `index` of the round."""
        return as_batch(self._windows.window(self._first_step + index))


def as_batch(window: Window) -> Batch:
    """Return a window as inputs, targets and weights."""
    return {"tokens": window.inputs, "reset": window.reset}, window.targets, window.weights
