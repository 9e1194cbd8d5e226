"""The training step of a run: model, loss, optimizer and windows, compiled once."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Window, Windows
from nextword.training.checkpoint_store import Arrays
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.step.candidate_sampler import CandidateSampler
from nextword.training.step.optimizer import make_optimizer
from nextword.training.step.round_callbacks import Intervals, RoundCallbacks
from nextword.training.step.stream_model import Batch, StreamModel, capture, restore

# If the clock decides, the plan may grow by this factor before window lengths are missing.
_LENGTHS_AHEAD = 4


@dataclass(frozen=True)
class TrainingMetrics:
    """Figures of the training steps of a round."""

    num_steps: int  # steps taken; fewer than requested if a user callback stopped the round
    perplexity: float  # training perplexity over the round, with dropout, while the weights change
    accuracy: float  # fraction of the targets that had the highest probability, measured the same way
    seconds: float  # time of all steps
    step_seconds: float  # mean time of a step; the first step of the round is excluded if there are others


@dataclass(frozen=True)
class ValidationMetrics:
    """Figures of a validation."""

    perplexity: float  # perplexity of the validation split
    accuracy: float  # fraction of its tokens that had the highest probability
    seconds: float  # time of the validation
    averaged_steps: int  # steps in the weight average that was validated; 0 for the weights themselves


class TrainingStep:
    """Trains and validates one round at a time, with one compiled step for all rounds.

    Training runs and speed measurements both use this class.

    Args:
        model: The model, trained in place.
        options: Optimizer, loss and weight averages.
        plan: The rounds planned before the first one; they set the length of the schedules.
        train: Training windows.
        valid: Validation windows.
        token_counts: Count of each token in the training text `(V,)`, used only by `sampled_softmax` (default: equal
            counts).
        stream_model: Makes the model in training.
        unknown_id: The id that stands for unknown words, which do not count as right (default: none does).
        is_anchored: Whether weight decay pulls the weights towards their present values instead of zero.

    Attributes:
        words_per_step: Number of tokens in a training window, `B * T`.
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
        stream_model: Callable[..., StreamModel] = StreamModel,
        unknown_id: int | None = None,
        is_anchored: bool = False,
    ) -> None:
        self.model = model
        self.options = options
        self.plan = plan
        self.words_per_step = train.words_per_step
        self._train = train
        self._valid = valid
        sampler = None
        if options.sampled_softmax:
            counts = np.ones(model.architecture.vocabulary_size, np.int64) if token_counts is None else token_counts
            sampler = CandidateSampler(counts, options.sampled_softmax, seed=options.seed, name="sampler")
        sizes: dict[str, Any] = {"batch_size": train.batch_size, "valid_batch_size": valid.batch_size}
        self.stream = stream_model(model, options, sampler=sampler, **sizes)
        self.stream.unknown_id = unknown_id
        lengths = train.relative_lengths(max(1, plan.total_steps * (_LENGTHS_AHEAD if plan.time else 1)))
        self.optimizer = make_optimizer(options, plan, relative_lengths=lengths)
        self.stream.compile(optimizer=self.optimizer)
        self.optimizer.build(self.stream.trainable_variables)
        if is_anchored and options.weight_decay:
            self.optimizer.anchor(self.stream.trainable_variables)

    def train_round(
        self,
        first_step: int,
        num_steps: int,
        callbacks: RoundCallbacks | None = None,
        intervals: Intervals | None = None,
        *,
        plan: Plan | None = None,
    ) -> TrainingMetrics:
        """Take the steps of a round, starting at step `first_step` of a run as planned now."""
        callbacks = callbacks or RoundCallbacks(self.stream)
        round_number = first_step // self.plan.round_steps
        plan = plan or self.plan
        order = self._train.order(plan.planned_steps, plan.round_steps)
        dataset = RoundDataset(self._train, order[first_step : first_step + num_steps])
        began = time.monotonic()
        callbacks.intervals = intervals
        if intervals is not None:
            intervals.begin(dataset.counts, began)
        self.stream.fit(
            dataset,
            initial_epoch=round_number,
            epochs=round_number + 1,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        # Reading the metrics waits for the last step.
        perplexity, accuracy = (float(callbacks.figures[name]) for name in ("perplexity", "accuracy"))
        ended, done = time.monotonic(), callbacks.steps_done
        if intervals is not None:
            intervals.after_report(done, ended)
        after_first = (ended - callbacks.first_step_ended) / (done - 1) if done > 1 else ended - began
        return TrainingMetrics(done, perplexity, accuracy, ended - began, after_first)

    def validate(self, callbacks: RoundCallbacks | None = None) -> ValidationMetrics:
        """Validate the weights, or each weight average that the optimizer keeps; the best result counts."""
        callbacks = callbacks or RoundCallbacks(self.stream)
        began, done = time.monotonic(), int(self.optimizer.iterations)
        averaged_steps, figures = self.optimizer.averages.validate(lambda: self._evaluate(callbacks), done)
        return ValidationMetrics(figures["perplexity"], figures["accuracy"], time.monotonic() - began, averaged_steps)

    def end_round(self, plan: Plan, progress: TrainingProgress) -> None:
        """Update learning rate and weight averages after a round."""
        if plan.time is not None:
            self.optimizer.schedule_progress.plan(progress.steps, plan.total_steps)
        self.optimizer.averages.end_round(progress)

    def capture(self) -> Arrays:
        """Return the arrays that a checkpoint stores, by name; see `stream_model.capture`."""
        return capture(self.stream)

    def restore(self, arrays: Arrays) -> None:
        """Restore the arrays of `capture`."""
        restore(self.stream, arrays)

    def _evaluate(self, callbacks: RoundCallbacks) -> Mapping[str, float]:
        dataset = RoundDataset(self._valid, range(self._valid.steps_per_epoch))
        try:
            found: Mapping[str, float] = self.stream.evaluate(dataset, callbacks=callbacks, return_dict=True, verbose=0)
            return found
        finally:
            self.stream.jax_state_sync()  # else an exception would leave the model without its weights


class RoundDataset(keras.utils.PyDataset):
    """The windows of one round or one validation, as Keras reads them; each batch has fresh arrays.

    Attributes:
        counts: Number of counted tokens in each window that was read so far `(num_steps,)`.
    """

    def __init__(self, windows: Windows, order: Sequence[int] | NDArray[np.int64]) -> None:
        super().__init__()
        self._windows = windows
        self._order = order
        self.counts = np.zeros(len(order))

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self._order)

    def __getitem__(self, index: int) -> Batch:
        """Return window `index` of the round."""
        window = self._windows.window(int(self._order[index]))
        self.counts[index] = window.weights.sum()
        return as_batch(window)


def as_batch(window: Window) -> Batch:
    """Return a window as inputs, targets and sample weights."""
    return {"tokens": window.inputs, "reset": window.reset}, window.targets, window.weights
