"""The learning rate as a function of the step."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers import schedules
from numpy.typing import ArrayLike

from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan

Rate = float | Callable[[Any], Any]
"""A number, or a schedule of Keras's: the number as a function of the step."""

# One cycle as fastai has it: the peak is 25 times the first rate, which is 10,000 times the last.
_CYCLE_RISE, _CYCLE_FALL, _CYCLE_MOMENTUM_DROP = 25.0, 1e4, 0.1


@dataclass(frozen=True, eq=False)
class LinearToZero(schedules.LearningRateSchedule):
    """Rise linearly to the peak over the warm-up, then fall linearly to zero at the last step.

    Attributes:
        peak: The highest learning rate.
        warmup_steps: Steps until the peak.
        total_steps: Steps of the whole run.
    """

    peak: float
    warmup_steps: int
    total_steps: int

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(1, self.warmup_steps)
        fall = (self.total_steps - step) / max(1, self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(rise, fall), 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class StepDecay(schedules.LearningRateSchedule):
    """Stay constant for some epochs, then multiply by a factor at the beginning of each (Zaremba et al. 2014).

    Attributes:
        initial: The learning rate of the first epochs.
        factor: What each later epoch multiplies it by.
        constant_epochs: Number of epochs at the initial rate.
        steps_per_epoch: Number of steps in an epoch.
    """

    initial: float
    factor: float
    constant_epochs: int
    steps_per_epoch: int

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        # Half a step more: a compiled division by a constant may fall just short of a whole epoch.
        epoch = ops.floor((ops.cast(step, "float32") + 0.5) / self.steps_per_epoch)
        return self.initial * ops.power(self.factor, ops.maximum(0.0, epoch + 1.0 - self.constant_epochs))


@dataclass(frozen=True, eq=False)
class OneCycle(schedules.LearningRateSchedule):
    r"""Go from a start to a middle and on to an end, each on half a wave of the cosine.

    $$v(t) = v_1 + \tfrac{1}{2} (v_0 - v_1) (1 + \cos \pi p)$$

    with $p$ the part of the phase that is over, $v_0$ and $v_1$ its two ends. One cycle takes the learning rate up and
    down, and the momentum down and up (Smith 2018, "A disciplined approach to neural network hyper-parameters"; with
    cosines, as fastai has it).

    Attributes:
        start: The value of the first step.
        middle: The value at the end of the warm-up.
        end: The value after the last step.
        warmup_steps: Steps from start to middle.
        total_steps: Steps of the whole run.
    """

    start: float
    middle: float
    end: float
    warmup_steps: int
    total_steps: int

    def __call__(self, step: Any) -> Any:
        """Return the value of `step`, counted from 0."""
        step = ops.cast(step, "float32")
        rising = step < self.warmup_steps
        up = step / max(1, self.warmup_steps)
        down = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        begin, end = ops.where(rising, self.start, self.middle), ops.where(rising, self.middle, self.end)
        over = ops.clip(ops.where(rising, up, down), 0.0, 1.0)
        return end + 0.5 * (begin - end) * (1.0 + ops.cos(math.pi * over))


@dataclass(frozen=True, eq=False)
class RescaledByLength(schedules.LearningRateSchedule):
    """Multiply a learning rate by the length of each step's window (Merity, Keskar and Socher 2018, section 4.1).

    The mean loss of a short window has as long a gradient as that of a long one, so that without this its few tokens
    would each weigh more. A loss that is summed over time needs none of it.

    Attributes:
        schedule: The learning rate, or its schedule.
        relative_lengths: Length of each step's window over the usual one `(total_steps,)`; the last one goes on.
    """

    schedule: Rate
    relative_lengths: ArrayLike

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        rate = self.schedule if isinstance(self.schedule, float) else self.schedule(step)
        lengths = np.asarray(self.relative_lengths, np.float32)
        return rate * ops.take(ops.convert_to_tensor(lengths), ops.minimum(step, len(lengths) - 1))


def make_schedule(options: TrainingOptions, plan: Plan) -> Rate:
    """Return the learning rate of a run, or its schedule; under `plateau` the run sets it between rounds."""
    rate, total_steps = options.learning_rate, plan.total_steps
    warmup_steps = round(options.warmup_fraction * total_steps)
    if options.schedule == "linear":
        return LinearToZero(rate, warmup_steps, total_steps)
    if options.schedule == "one_cycle":
        start, end = rate / _CYCLE_RISE, rate / (_CYCLE_RISE * _CYCLE_FALL)
        return OneCycle(start, rate, end, warmup_steps, total_steps)
    if options.schedule == "step":
        return StepDecay(rate, options.decay_factor, options.constant_epochs, plan.steps_per_epoch)
    return rate


def make_momentum(options: TrainingOptions, plan: Plan) -> Rate:
    """Return Adam's `beta_1`, or its schedule: under `one_cycle` it is lower where the learning rate is high."""
    if options.schedule != "one_cycle":
        return options.beta_1
    lowest = max(0.0, options.beta_1 - _CYCLE_MOMENTUM_DROP)
    warmup_steps = round(options.warmup_fraction * plan.total_steps)
    return OneCycle(options.beta_1, lowest, options.beta_1, warmup_steps, plan.total_steps)


class Pace:
    r"""How much of a run's schedules is done, if the number of steps is planned again every round.

    At step $s$ of a round that began at step $s_0$, when the part $p_0$ was done, and with $S$ steps planned in all,
    that is $p_0 + (1 - p_0) \frac{s - s_0}{S - s_0}$.

    Args:
        total_steps: The first plan.
    """

    def __init__(self, total_steps: int) -> None:
        self.total_steps = total_steps
        self._plan: Any = None

    def build(self, optimizer: Any) -> None:
        """Keep the plan in a variable of the optimizer, where Keras and checkpoints carry it along."""
        first = keras.initializers.Constant([0.0, 0.0, float(self.total_steps)])
        self._plan = optimizer.add_variable(shape=(3,), initializer=first, dtype="float32", name="pace")

    def plan(self, step: int, total_steps: int) -> None:
        """Plan `total_steps` in all, now that `step` are done."""
        self._plan.assign([float(step), float(self.part(step)), float(max(total_steps, step + 1))])

    def part(self, step: Any) -> Any:
        """Return the part of the schedules that is done by `step`."""
        begin, part, end = ops.unstack(ops.convert_to_tensor(self._plan), 3)
        over = (ops.cast(step, "float32") - begin) / (end - begin)
        return part + (1.0 - part) * ops.clip(over, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Paced(schedules.LearningRateSchedule):
    """A schedule whose pace changes from round to round.

    Attributes:
        schedule: The schedule, made for `pace.total_steps` steps.
        pace: How much of it is done.
    """

    schedule: Callable[[Any], Any]
    pace: Pace

    def __call__(self, step: Any) -> Any:
        """Return the value of `step`, counted from 0."""
        return self.schedule(self.pace.total_steps * self.pace.part(step))
