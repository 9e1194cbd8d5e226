"""Averages of the weights: kept beside them step by step, and validated in their place."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import keras
from keras import ops

from nextword.training.progress import TrainingProgress
from nextword.training.schedule import Pace

AveragingKind = Literal["none", "exponential", "triggered", "two_tailed"]

NUM_AVERAGES: dict[AveragingKind, int] = {"none": 0, "exponential": 1, "triggered": 1, "two_tailed": 2}
"""How many averages a run keeps, each of which is validated at the end of a round; without any, the weights are."""

_NEVER = 2**31 - 1


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
        """Put the average in the place of the weights for a while, and then the same bits of these back."""
        kept = [ops.copy(weight) for weight in self._weights]
        try:
            self.take()
            yield
        finally:
            for weight, value in zip(self._weights, kept, strict=True):
                weight.assign(value)


class WeightAverages:
    """The averages that a run keeps: none, one, or two of which the better counts.

    - `exponential`: recent steps weigh more (Polyak and Juditsky 1992 average plainly; the exponential form with its
      correction at the beginning is that of Kingma and Ba 2015, section 7.2).
    - `triggered`: the plain mean from the round on in which validation stops improving, NT-ASGD (Merity, Keskar and
      Socher 2018, algorithm 1). Until then it is the weights themselves.
    - `two_tailed`: two plain means, a short and a long one. Both are validated at the end of each round. If the
      short one is at least as good it becomes the long one, and a new short one begins (Melis 2022).

    Args:
        kind: Which of them.
        decay: What `exponential` keeps in each step.
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
        """Let the weights after `step` updates join the averages."""
        for tail in self._tails:
            tail.update(step)

    @property
    def kept(self) -> RunningAverage:
        """The average that stands for the weights: the only one, or between rounds the long one."""
        return self._tails[-1]

    def take(self) -> None:
        """Put the average that stands for the weights, if there is one, in their place."""
        if self._tails:
            self.kept.take()

    def validate(self, evaluate: Callable[[], Mapping[str, float]], step: int) -> tuple[int, Mapping[str, float]]:
        """Evaluate each average in the place of the weights, the short one first; without any, the weights.

        `evaluate` returns figures, the perplexity among them. Those of the lowest perplexity come back with the number
        of steps that their average goes over. Averages over the same steps are evaluated once, and the weights
        themselves in the place of one that has not begun.
        """
        found: dict[int, Mapping[str, float]] = {}
        for tail in self._tails:
            length = tail.length_at(step)
            if length not in found:
                with tail.in_place() if length else nullcontext():
                    found[length] = evaluate()
        found = found or {0: evaluate()}
        best = min(found, key=lambda length: found[length]["perplexity"])
        return best, found[best]

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
        averages: The averages.
        pace: How much of its schedules is done, if the clock decides; `None` if their length is known.
    """

    def __init__(
        self, *args: Any, averages: WeightAverages | None = None, pace: Pace | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.averages = averages or WeightAverages()
        self.pace = pace

    def build(self, variables: Sequence[Any]) -> None:
        """Create the variables of optimizer and averages."""
        if self.built:
            return
        super().build(variables)
        self.averages.build(self, variables)
        if self.pace is not None:
            self.pace.build(self)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the weights, then the averages of them."""
        super().apply(grads, trainable_variables)
        self.averages.update(self.iterations)
