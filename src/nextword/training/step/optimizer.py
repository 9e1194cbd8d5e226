"""The optimizers: Adam and SGD, each with weight averages."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan
from nextword.training.step.averaging import DECAY, AveragingOptimizer, WeightAverages
from nextword.training.step.schedule import (
    ReplannedSchedule,
    RescaledByLength,
    ScheduleProgress,
    make_schedule,
)


class Adam(AveragingOptimizer, keras.optimizers.Adam):
    r"""Adam (Kingma and Ba 2015) with L2 regularization in the loss.

    $$\mathcal{L} + \frac{\lambda}{2} \sum_i w_i^2$$

    The gradient $\lambda w$ is clipped and scaled together with the rest, as in Melis et al. (2020). Keras's
    `weight_decay` instead subtracts $\eta \lambda w$ separately (AdamW).

    Args:
        l2: The factor $\lambda$.
    """

    def __init__(self, *args: Any, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.l2 = l2

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
    """
    rate = make_schedule(options, plan)
    schedule_progress = ScheduleProgress(plan.total_steps) if plan.time else None
    if schedule_progress is not None and not isinstance(rate, float):
        rate = ReplannedSchedule(rate, schedule_progress)
    if relative_lengths is not None and options.loss == "mean":
        rate = RescaledByLength(rate, relative_lengths)
    averages = WeightAverages(options.averaging, DECAY)
    common: dict[str, Any] = {
        "global_clipnorm": options.clip_norm,
        "averages": averages,
        "schedule_progress": schedule_progress,
        "embedding_rate_ratio": options.embedding_rate_ratio,
    }
    if options.optimizer == "sgd":
        return SGD(rate, weight_decay=options.weight_decay or None, **common)
    return Adam(rate, l2=options.weight_decay, **common)
