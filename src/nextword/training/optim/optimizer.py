"""The optimizers: Adam and SGD, each with weight averages."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.training.optim.averaging import AveragingOptimizer, WeightAverages
from nextword.training.optim.schedule import (
    Rate,
    ReplannedSchedule,
    RescaledByLength,
    ScheduleProgress,
    make_momentum,
    make_schedule,
)
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan


class Adam(AveragingOptimizer, keras.optimizers.Adam):
    r"""Adam (Kingma and Ba 2015) with an optional schedule for `beta_1`, and L2 regularization in the loss.

    $$\mathcal{L} + \frac{\lambda}{2} \sum_i w_i^2$$

    The gradient $\lambda w$ is clipped and scaled together with the rest, as in Melis et al. (2020). Keras's
    `weight_decay` instead subtracts $\eta \lambda w$ separately (AdamW). With `beta_1` 0, this is the "rmsprop"
    of Melis et al.

    Args:
        l2: The factor $\lambda$.
        beta_1: Decay of the mean gradient, or its schedule.
    """

    def __init__(self, *args: Any, l2: float = 0.0, beta_1: Rate = 0.9, **kwargs: Any) -> None:
        super().__init__(*args, beta_1=beta_1, **kwargs)
        self.l2 = l2

    @property
    def beta_1(self) -> Any:
        """The decay of the mean gradient in the current step."""
        return self._beta_1 if isinstance(self._beta_1, float) else self._beta_1(self.iterations)

    @beta_1.setter
    def beta_1(self, value: Rate) -> None:
        self._beta_1 = value

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the weights."""
        if self.l2:
            weights = self._trainable_variables if trainable_variables is None else trainable_variables
            if self.anchors:
                weights = [weight - anchor for weight, anchor in zip(weights, self.anchors, strict=True)]
            grads = [gradient + self.l2 * weight for gradient, weight in zip(grads, weights, strict=True)]
        super().apply(grads, trainable_variables)


class SGD(AveragingOptimizer, keras.optimizers.SGD):
    """Plain stochastic gradient descent."""


def make_optimizer(
    options: TrainingOptions,
    plan: Plan,
    *,
    relative_lengths: NDArray[np.float32] | None = None,
) -> keras.optimizers.Optimizer:
    """Return the optimizer of a run, with its schedule and weight averages.

    Args:
        options: Optimizer, schedule and averaging.
        plan: The length of the schedules, and whether the clock decides it.
        relative_lengths: Length of each step's window over the usual length, if they differ. It scales the learning
            rate of a mean loss.

    Raises:
        SettingError: `schedule` is `plateau`, but the windows have different lengths.
    """
    rate, momentum = make_schedule(options, plan), make_momentum(options, plan)
    schedule_progress = ScheduleProgress(plan.total_steps) if plan.time else None
    if schedule_progress is not None:
        rate, momentum = (
            each if isinstance(each, float) else ReplannedSchedule(each, schedule_progress) for each in (rate, momentum)
        )
    if relative_lengths is not None and options.loss == "mean":
        if options.schedule == "plateau":
            raise SettingError(
                "`schedule` must be fixed before training if `variable_num_steps` rescales the learning rate, "
                "but is 'plateau'; choose another schedule, or windows of one length"
            )
        rate = RescaledByLength(rate, relative_lengths)
    averages = WeightAverages(options.averaging, options.averaging_decay)
    common: dict[str, Any] = {
        "global_clipnorm": options.clip_norm,
        "averages": averages,
        "schedule_progress": schedule_progress,
        "embedding_rate_ratio": options.embedding_rate_ratio,
    }
    if options.optimizer == "sgd":
        return SGD(rate, weight_decay=options.weight_decay or None, **common)
    return Adam(rate, beta_1=momentum, beta_2=options.beta_2, l2=options.weight_decay, **common)
