"""Weight averages: updated at each step, and validated instead of the weights."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, override

import keras
from keras import ops

from nextword.training.progress import TrainingProgress
from nextword.training.step.schedule import ScheduleProgress

AveragingKind = Literal["none", "exponential", "triggered", "two_tailed"]

NUM_AVERAGES: dict[AveragingKind, int] = {"none": 0, "exponential": 1, "triggered": 1, "two_tailed": 2}
"""Number of averages. Each is validated at the end of a round; with 0, the weights are validated."""

DECAY = 0.999
"""The decay of an exponential average at each step."""

_NEVER = 2**31 - 1


class RunningAverage:
    r"""One average of all weights, in variables of an optimizer.

    $$\bar w_t = (1 - r_n) \bar w_{t-1} + r_n w_t, \quad n = \max(1, t - b)$$

    With $r_n = 1 / n$ this is the mean of $w_{b+1}, \ldots, w_t$. With $r_n = (1 - d) / (1 - d^n)$ it is the
    exponential mean, in which each step weighs $d$ times as much as the next. Up to step $b$ it is $w_t$ itself.

    Args:
        optimizer: Owns the variables, so that Keras updates them in its compiled step.
        weights: The weights.
        begin: The step `b` after which the average begins.
        decay: The factor `d` of an exponential average; `None` for the plain mean.
    """

    def __init__(self, optimizer: Any, weights: Sequence[Any], *, begin: int, decay: float | None = None) -> None:
        self._weights = weights
        self._log_decay = None if decay is None else math.log(decay) if decay else -math.inf
        self.begin = optimizer.add_variable(
            shape=(), initializer=keras.initializers.Constant(begin), dtype="int32", name="average_begin"
        )
        self.averages = optimizer.add_optimizer_variables(weights, "average")

    def update(self, step: Any) -> None:
        """Add the weights after `step` updates to the average."""
        count = ops.maximum(1, step - self.begin)
        rate = self._rate(ops.cast(count, "float32"))
        for average, variable in zip(self.averages, self._weights, strict=True):
            weight = ops.convert_to_tensor(variable)
            # In this form rounding errors do not accumulate; the first average equals the weights exactly.
            average.assign(ops.where(count == 1, weight, average + rate * (weight - average)))

    def _rate(self, count: Any) -> Any:
        if self._log_decay is None:
            return 1.0 / count
        return math.expm1(self._log_decay) / ops.expm1(count * self._log_decay)

    def length_at(self, step: int) -> int:
        """Return the number of averaged steps after `step` updates; 0 before the average begins."""
        return max(0, step - int(self.begin))

    def copy_from(self, other: "RunningAverage") -> None:
        """Copy another average."""
        self.begin.assign(ops.copy(other.begin))
        for average, source in zip(self.averages, other.averages, strict=True):
            average.assign(ops.copy(source))  # a copy, because JAX must not receive one buffer twice

    def replace_weights(self) -> None:
        """Replace the weights by the average."""
        for weight, average in zip(self._weights, self.averages, strict=True):
            weight.assign(ops.copy(average))

    @contextmanager
    def replacing_weights(self) -> Iterator[None]:
        """Replace the weights by the average within the block, then restore them exactly."""
        kept = [ops.copy(weight) for weight in self._weights]
        try:
            self.replace_weights()
            yield
        finally:
            for weight, value in zip(self._weights, kept, strict=True):
                weight.assign(value)


class WeightAverages:
    """The weight averages of a run: none, one, or the better of two.

    - `exponential`: recent steps weigh more. This is the bias-corrected form of Kingma and Ba (2015, section 7.2);
      Polyak and Juditsky (1992) use the plain mean.
    - `triggered`: the plain mean since validation stopped improving, NT-ASGD (Merity, Keskar and Socher 2018,
      algorithm 1). Before that, the weights themselves.
    - `two_tailed`: a short and a long plain mean. Both are validated at the end of each round. If the short one is at
      least as good, it replaces the long one, and a new short one begins (Melis 2022).
    """

    def __init__(self, kind: AveragingKind = "none", decay: float = 0.0) -> None:
        self.kind = kind
        self._decay = decay if kind == "exponential" else None
        self._tails: list[RunningAverage] = []

    def build(self, optimizer: Any, weights: Sequence[Any]) -> None:
        """Create the variables."""
        begin = _NEVER if self.kind == "triggered" else 0
        self._tails = [
            RunningAverage(optimizer, weights, begin=begin, decay=self._decay) for _ in range(NUM_AVERAGES[self.kind])
        ]

    def update(self, step: Any) -> None:
        """Add the weights after `step` updates to the averages."""
        for tail in self._tails:
            tail.update(step)

    @property
    def main(self) -> RunningAverage:
        """The average that replaces the weights: the only one, or the long one."""
        return self._tails[-1]

    def replace_weights(self) -> None:
        """Replace the weights by the average, if there is one."""
        if self._tails:
            self.main.replace_weights()

    def validate(self, evaluate: Callable[[], Mapping[str, float]], step: int) -> tuple[int, Mapping[str, float]]:
        """Evaluate each average, the short one first, and return the best; without averages, evaluate the weights.

        Averages over the same steps are evaluated once. For an average that has not begun, the weights are evaluated.

        Returns:
            The number of averaged steps and the metrics of the average with the lowest perplexity.
        """
        found: dict[int, Mapping[str, float]] = {}
        for tail in self._tails:
            length = tail.length_at(step)
            if length not in found:
                with tail.replacing_weights() if length else nullcontext():
                    found[length] = evaluate()
        found = found or {0: evaluate()}
        best = min(found, key=lambda length: found[length]["perplexity"])
        return best, found[best]

    def end_round(self, progress: TrainingProgress) -> None:
        """Start or replace averages after the validation of a round."""
        latest = progress.records[-1]
        if self.kind == "triggered" and progress.averaging_since == latest.round:
            self.main.begin.assign(latest.step - 1)  # the weights of this step are the first of the mean
        if self.kind == "two_tailed":
            short, long = self._tails
            if short.length_at(latest.step) == latest.averaged_steps:
                long.copy_from(short)
                short.begin.assign(latest.step)


class AveragingOptimizer(keras.optimizers.Optimizer):
    """Base class that adds weight averages and a learning rate of the embedding to a Keras optimizer.

    Inherit from it first.

    Args:
        averages: The weight averages.
        schedule_progress: How far the run is, if the clock decides.
        embedding_rate_ratio: Factor of the learning rate for the embedding.
    """

    def __init__(
        self,
        *args: Any,
        averages: WeightAverages | None = None,
        schedule_progress: ScheduleProgress | None = None,
        embedding_rate_ratio: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.averages = averages or WeightAverages()
        self.schedule_progress = schedule_progress
        self.embedding_rate_ratio = embedding_rate_ratio
        self.anchors: list[Any] = []

    def build(self, variables: Sequence[Any]) -> None:
        """Create the variables of the optimizer and the averages."""
        if self.built:
            return
        super().build(variables)
        self.averages.build(self, variables)
        if self.schedule_progress is not None:
            self.schedule_progress.build(self)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight."""
        if variable.name == "embeddings":
            learning_rate *= self.embedding_rate_ratio
        super().update_step(gradient, variable, learning_rate)

    def anchor(self, variables: Sequence[Any]) -> None:
        """Pull the weights towards their present values instead of zero, as in L2-SP (Li, Grandvalet, Davoine 2018).

        The values are variables of the optimizer, so that a checkpoint holds them.
        """
        self.anchors = self.add_optimizer_variables(variables, "anchor")
        for anchor, variable in zip(self.anchors, variables, strict=True):
            anchor.assign(ops.copy(variable))

    @override
    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        super()._apply_weight_decay(variables)
        if self.anchors and self.weight_decay:
            for variable, anchor in zip(variables, self.anchors, strict=True):
                variable.assign_add(self.learning_rate * self.weight_decay * anchor)

    def learning_rate_after(self, step: int) -> float:
        """Return the learning rate of the step after `step` updates."""
        rate = self._learning_rate
        is_schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
        return float(rate(ops.convert_to_tensor(step, "int32")) if is_schedule else rate)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the weights, then their averages."""
        super().apply(grads, trainable_variables)
        self.averages.update(self.iterations)
