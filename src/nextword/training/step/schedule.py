"""Schedules: the learning rate as a function of the step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

import keras
import numpy as np
from keras import ops
from keras.optimizers import schedules
from numpy.typing import ArrayLike

from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan

Rate = float | Callable[[Any], Any]
"""A constant, or a Keras schedule."""

WARMUP_FRACTION = 0.05
"""The fraction of all steps in which a linear schedule rises."""


class _Schedule(schedules.LearningRateSchedule):
    """A schedule whose numbers Keras's loggers can read from the configuration of the optimizer."""

    @override
    def get_config(self) -> dict[str, Any]:
        parts = vars(self).items()
        numbers = {name: part for name, part in parts if isinstance(part, int | float)}
        return numbers | {name: part.get_config() for name, part in parts if isinstance(part, _Schedule)}


@dataclass(frozen=True, eq=False)
class LinearToZero(_Schedule):
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
class StepDecay(_Schedule):
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
class RescaledByLength(_Schedule):
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
    """Return the learning rate of a run or its schedule."""
    rate, total_steps = options.learning_rate, plan.total_steps
    if options.schedule == "linear":
        return LinearToZero(rate, round(WARMUP_FRACTION * total_steps), total_steps)
    if options.schedule == "step":
        return StepDecay(rate, options.decay_factor, options.constant_epochs, plan.steps_per_epoch)
    return rate


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
class ReplannedSchedule(_Schedule):
    """A schedule over a number of steps that is replanned every round."""

    schedule: Callable[[Any], Any]  # the schedule over `progress.total_steps` steps
    progress: ScheduleProgress  # the fraction of it that is done

    def __call__(self, step: Any) -> Any:
        """Return the value of `step`, counted from 0."""
        return self.schedule(self.progress.total_steps * self.progress.fraction(step))
