"""Schedules: the learning rate as a function of the step."""

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
"""A constant, or a Keras schedule."""

# As in fastai: the peak is 25 times the first learning rate, which is 10,000 times the last.
_CYCLE_RISE, _CYCLE_FALL, _CYCLE_MOMENTUM_DROP = 25.0, 1e4, 0.1


@dataclass(frozen=True, eq=False)
class LinearToZero(schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then linear decay to zero at the last step."""

    peak: float  # the highest learning rate
    warmup_steps: int  # steps before the peak
    total_steps: int  # steps of the whole run

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(1, self.warmup_steps)
        fall = (self.total_steps - step) / max(1, self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(rise, fall), 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class StepDecay(schedules.LearningRateSchedule):
    """Constant for some epochs, then multiplied by a factor at the beginning of each epoch (Zaremba et al. 2014)."""

    initial: float  # learning rate of the first epochs
    factor: float  # factor of each later epoch
    constant_epochs: int  # number of epochs at the initial learning rate
    steps_per_epoch: int  # number of steps in an epoch

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        # Half a step more, because a compiled division may round to just below a whole epoch.
        epoch = ops.floor((ops.cast(step, "float32") + 0.5) / self.steps_per_epoch)
        return self.initial * ops.power(self.factor, ops.maximum(0.0, epoch + 1.0 - self.constant_epochs))


@dataclass(frozen=True, eq=False)
class OneCycle(schedules.LearningRateSchedule):
    r"""Two phases, start to middle and middle to end, each half a cosine wave.

    $$v(t) = v_1 + \tfrac{1}{2} (v_0 - v_1) (1 + \cos \pi p)$$

    $p$ is the fraction of the phase that is done, and $v_0$ and $v_1$ are the values at its two ends. In one cycle the
    learning rate goes up and down, and the momentum down and up.

    Source:
        Smith (2018), "A disciplined approach to neural network hyper-parameters"; the cosines are those of fastai.
    """

    start: float  # value of the first step
    middle: float  # value at the end of the warm-up
    end: float  # value after the last step
    warmup_steps: int  # steps from start to middle
    total_steps: int  # steps of the whole run

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
    """A learning rate scaled by the length of each step's window (Merity, Keskar and Socher 2018, section 4.1).

    The mean loss of a short window has a gradient as large as that of a long window. Without scaling, each of its few
    tokens would weigh more. A loss that is summed over time needs no scaling.
    """

    schedule: Rate  # the learning rate or its schedule
    relative_lengths: ArrayLike  # of each step's window to the usual length `(total_steps,)`; the last value repeats

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of `step`, counted from 0."""
        rate = self.schedule if isinstance(self.schedule, float) else self.schedule(step)
        lengths = np.asarray(self.relative_lengths, np.float32)
        return rate * ops.take(ops.convert_to_tensor(lengths), ops.minimum(step, len(lengths) - 1))


def make_schedule(options: TrainingOptions, plan: Plan) -> Rate:
    """Return the learning rate of a run or its schedule; under `plateau`, the run changes it between rounds."""
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
    """Return Adam's `beta_1` or its schedule; under `one_cycle`, it is low while the learning rate is high."""
    if options.schedule != "one_cycle":
        return options.beta_1
    lowest = max(0.0, options.beta_1 - _CYCLE_MOMENTUM_DROP)
    warmup_steps = round(options.warmup_fraction * plan.total_steps)
    return OneCycle(options.beta_1, lowest, options.beta_1, warmup_steps, plan.total_steps)


class ScheduleProgress:
    r"""The fraction of a run's schedules that is done, if the total number of steps is replanned every round.

    At step $s$ it is $p_0 + (1 - p_0) \frac{s - s_0}{S - s_0}$. The round began at step $s_0$, when the fraction $p_0$
    was done, and $S$ is the planned total.
    """

    def __init__(self, total_steps: int) -> None:
        self.total_steps = total_steps
        self._plan: Any = None

    def build(self, optimizer: Any) -> None:
        """Create a variable of the optimizer for the plan, so that Keras and checkpoints include it."""
        first = keras.initializers.Constant([0.0, 0.0, float(self.total_steps)])
        self._plan = optimizer.add_variable(shape=(3,), initializer=first, dtype="float32", name="pace")

    def plan(self, step: int, total_steps: int) -> None:
        """Change the total number of steps after `step` steps."""
        self._plan.assign([float(step), float(self.fraction(step)), float(max(total_steps, step + 1))])

    def fraction(self, step: Any) -> Any:
        """Return the fraction of the schedules that is done by `step`."""
        begin, part, end = ops.unstack(ops.convert_to_tensor(self._plan), 3)
        over = (ops.cast(step, "float32") - begin) / (end - begin)
        return part + (1.0 - part) * ops.clip(over, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class ReplannedSchedule(schedules.LearningRateSchedule):
    """A schedule over a number of steps that is replanned every round."""

    schedule: Callable[[Any], Any]  # the schedule over `progress.total_steps` steps
    progress: ScheduleProgress  # the fraction of it that is done

    def __call__(self, step: Any) -> Any:
        """Return the value of `step`, counted from 0."""
        return self.schedule(self.progress.total_steps * self.progress.fraction(step))
