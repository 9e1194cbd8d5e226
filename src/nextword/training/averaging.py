"""Averages of the weights: kept beside them step by step, and validated in their place."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import keras
from keras import ops

from nextword.training.progress import TrainingProgress
from nextword.training.schedule import Pace

AveragingKind = Literal["exponential", "triggered", "two_tailed"]

_NEVER = 2**31 - 1


def num_averages(kind: AveragingKind | Literal["none"]) -> int:
    """Return how many averages a training keeps, each of which is validated at the end of a round.

    Without any it is the weights that are validated, once as well.
    """
    return 2 if kind == "two_tailed" else 1


class RunningAverage:
    r"""One average of all weights, in variables of an optimizer.

    $$\bar w_t = (1 - r_n) \bar w_{t-1} + r_n w_t, \quad n = \max(1, t - b)$$

    With $r_n = 1 / n$ that is the mean of $w_{b+1}, \ldots, w_t$, and with $r_n = (1 - d) / (1 - d^n)$ the mean in
    which each step weighs $d$ times as much as the next. Before step $b$ it is $w_t$ itself.

    Args:
        optimizer: Owns the variables, so that Keras carries them through its steps.
        weights: What is averaged.
        begin: The step `b` after which the average begins.
        decay: The factor `d` of an exponential average.
    """

    def __init__(self, optimizer: Any, weights: Sequence[Any], *, begin: int, decay: float | None = None) -> None:
        self._weights = weights
        self._log_decay = None if decay is None else math.log(decay) if decay else -math.inf
        self.begin = optimizer.add_variable(
            shape=(), initializer=keras.initializers.Constant(begin), dtype="int32", name="average_begin"
        )
        self.averages = optimizer.add_optimizer_variables(weights, "average")

    def update(self, step: Any) -> None:
        """Let the weights after `step` updates join the average."""
        count = ops.maximum(1, step - self.begin)
        rate = self._rate(ops.cast(count, "float32"))
        for average, variable in zip(self.averages, self._weights, strict=True):
            weight = ops.convert_to_tensor(variable)
            # In this form rounding does not add up over many steps; the first is the weights to the bit.
            average.assign(ops.where(count == 1, weight, average + rate * (weight - average)))

    def _rate(self, count: Any) -> Any:
        if self._log_decay is None:
            return 1.0 / count
        return math.expm1(self._log_decay) / ops.expm1(count * self._log_decay)

    def length_at(self, step: int) -> int:
        """Return how many steps the average goes over after `step` updates, 0 before it begins."""
        return max(0, step - int(self.begin))

    def become(self, other: "RunningAverage") -> None:
        """Take over what another has averaged."""
        self.begin.assign(ops.copy(other.begin))
        for average, source in zip(self.averages, other.averages, strict=True):
            average.assign(ops.copy(source))  # a copy, since JAX must not be given one buffer twice

    def take(self) -> None:
        """Put the average in the place of the weights."""
        for weight, average in zip(self._weights, self.averages, strict=True):
            weight.assign(ops.copy(average))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average in the place of the weights for a while, and then the very bits of these back."""
        kept = [ops.copy(weight) for weight in self._weights]
        try:
            self.take()
            yield
        finally:
            for weight, value in zip(self._weights, kept, strict=True):
                weight.assign(value)


class WeightAverages:
    """The averages that a training keeps: one, or two of which the better counts.

    - `exponential`: recent steps weigh more (Polyak and Juditsky 1992 average plainly; the exponential form with its
      correction at the beginning is that of Kingma and Ba 2015, section 7.2).
    - `triggered`: the plain mean from the round on in which validation stops improving, NT-ASGD (Merity, Keskar and
      Socher 2018, algorithm 1). Until then it is the weights themselves.
    - `two_tailed`: two plain means, a short and a long one. Both are validated at the end of each round. Where the
      short one is at least as good it becomes the long one, and a new short one begins (Melis 2022).

    Args:
        kind: Which of them.
        decay: What `exponential` keeps in each step.
    """

    def __init__(self, kind: AveragingKind, decay: float) -> None:
        self.kind = kind
        self._decay = decay if kind == "exponential" else None
        self._tails: list[RunningAverage] = []

    def build(self, optimizer: Any, weights: Sequence[Any]) -> None:
        """Create the variables."""
        begin = _NEVER if self.kind == "triggered" else 0
        self._tails = [
            RunningAverage(optimizer, weights, begin=begin, decay=self._decay) for _ in range(num_averages(self.kind))
        ]

    def update(self, step: Any) -> None:
        """Let the weights after `step` updates join the averages."""
        for tail in self._tails:
            tail.update(step)

    @property
    def kept(self) -> RunningAverage:
        """The average that stands for the weights: the only one, or between rounds the long one."""
        return self._tails[-1]

    def validate(self, evaluate: Callable[[], tuple[float, Any]], step: int) -> tuple[int, Any]:
        """Evaluate each average in the place of the weights, the short one first.

        `evaluate` returns a perplexity and whatever else; that of the lowest perplexity comes back with the number of
        steps that its average goes over. Averages over the same steps are evaluated once, and where one has not begun,
        the weights themselves.
        """
        found: dict[int, tuple[float, Any]] = {}
        for tail in self._tails:
            length = tail.length_at(step)
            if length not in found:
                with tail.in_place() if length else nullcontext():
                    found[length] = evaluate()
        best = min(found, key=lambda length: found[length][0])
        return best, found[best][1]

    def end_round(self, progress: TrainingProgress) -> None:
        """Draw the consequences of a round's validation."""
        latest = progress.records[-1]
        if self.kind == "triggered" and progress.averaging_since == latest.round:
            self.kept.begin.assign(latest.step - 1)  # the weights of this step are the first of the mean
        if self.kind == "two_tailed":
            short, long = self._tails
            if short.length_at(latest.step) == latest.averaged_steps:
                long.become(short)
                short.begin.assign(latest.step)


class AveragingOptimizer(keras.optimizers.Optimizer):
    """What an optimizer inherits from first in order to keep `WeightAverages` of the weights that it updates.

    Args:
        averages: The averages, or `None`.
        pace: How far its schedules are gone through, where the clock decides; `None` where their length is known.
    """

    def __init__(
        self, *args: Any, averages: WeightAverages | None = None, pace: Pace | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.averages = averages
        self.pace = pace

    def build(self, variables: Sequence[Any]) -> None:
        """Create the variables of optimizer and averages."""
        if self.built:
            return
        super().build(variables)
        if self.averages is not None:
            self.averages.build(self, variables)
        if self.pace is not None:
            self.pace.build(self)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the weights, then the averages of them."""
        super().apply(grads, trainable_variables)
        if self.averages is not None:
            self.averages.update(self.iterations)
