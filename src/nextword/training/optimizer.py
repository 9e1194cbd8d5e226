"""The optimizers: what becomes of a gradient."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.training.averaging import AveragingOptimizer, WeightAverages
from nextword.training.muon import GatewiseMuon
from nextword.training.options import TrainingOptions
from nextword.training.schedule import Rate, RescaledByLength, make_momentum, make_schedule
from nextword.training.time_plan import Pace, Paced


class Adam(AveragingOptimizer, keras.optimizers.Adam):
    r"""Adam (Kingma and Ba 2015) whose `beta_1` may follow a schedule, with L2 regularisation as part of the loss.

    $$\mathcal{L} + \frac{\lambda}{2} \sum_i w_i^2$$

    Its gradient $\lambda w$ is clipped and scaled with all the rest, as it is in Melis et al. (2020); Keras's
    `weight_decay` takes $\eta \lambda w$ off beside the update (AdamW). With `beta_1` 0 this is what they call
    "rmsprop".

    Args:
        l2: The factor $\lambda$.
        beta_1: Decay of the mean gradient, or its schedule.
    """

    def __init__(self, *args: Any, l2: float = 0.0, beta_1: Rate = 0.9, **kwargs: Any) -> None:
        super().__init__(*args, beta_1=beta_1, **kwargs)
        self.l2 = l2

    @property
    def beta_1(self) -> Any:
        """The decay of the mean gradient in the present step."""
        return self._beta_1 if isinstance(self._beta_1, float) else self._beta_1(self.iterations)

    @beta_1.setter
    def beta_1(self, value: Rate) -> None:
        self._beta_1 = value

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the weights."""
        if self.l2:
            weights = self._trainable_variables if trainable_variables is None else trainable_variables
            grads = [gradient + self.l2 * weight for gradient, weight in zip(grads, weights, strict=True)]
        super().apply(grads, trainable_variables)


class SGD(AveragingOptimizer, keras.optimizers.SGD):
    """Plain stochastic gradient descent."""


class Muon(AveragingOptimizer, GatewiseMuon):
    """Muon for the kernels of the recurrent layers, Adam for all else."""


def make_optimizer(
    options: TrainingOptions,
    *,
    steps_per_epoch: int,
    total_steps: int,
    relative_lengths: NDArray[np.float32] | None = None,
    paced: bool = False,
    compute_dtype: str = "float32",
) -> keras.optimizers.Optimizer:
    """Return the optimizer of a training, with its schedule and the averages that it keeps.

    Args:
        options: What to make.
        steps_per_epoch: Steps to go over the text once.
        total_steps: Steps of the whole training.
        relative_lengths: Length of each step's window over the usual one, where they differ; the rate of a mean loss
            goes with it.
        paced: Whether the number of steps is planned anew from round to round.
        compute_dtype: Precision of Muon's matrix products.

    Raises:
        SettingError: `plateau` was asked for with windows of different lengths.
    """
    rate = make_schedule(options, steps_per_epoch=steps_per_epoch, total_steps=total_steps)
    pace = Pace(total_steps) if paced else None
    if pace is not None:
        rate = Paced(rate, pace)
    if relative_lengths is not None and options.loss == "mean":
        rate = _rescaled(rate, options, relative_lengths)
    common: dict[str, Any] = {"global_clipnorm": options.clip_norm, "averages": _averages(options), "pace": pace}
    decay = options.weight_decay or None
    if options.optimizer == "sgd":
        return SGD(rate, weight_decay=decay, **common)
    if options.optimizer == "muon":
        return Muon(
            rate,
            adam_beta_1=options.beta_1,
            adam_beta_2=options.beta_2,
            weight_decay=decay,
            rate_ratio=options.muon_rate_ratio,
            compute_dtype=compute_dtype,
            **common,
        )
    momentum = make_momentum(options, total_steps=total_steps)
    if pace is not None and not isinstance(momentum, float):
        momentum = Paced(momentum, pace)
    return Adam(rate, beta_1=momentum, beta_2=options.beta_2, l2=options.weight_decay, **common)


def _rescaled(rate: Rate, options: TrainingOptions, relative_lengths: NDArray[np.float32]) -> RescaledByLength:
    if options.schedule == "plateau":
        raise SettingError(
            "`schedule` must be one that is known beforehand where `variable_num_steps` rescales the learning rate, "
            "but is 'plateau'; choose another, or windows of one length"
        )
    return RescaledByLength(rate, relative_lengths)


def _averages(options: TrainingOptions) -> WeightAverages | None:
    if options.averaging == "none":
        return None
    return WeightAverages(options.averaging, options.averaging_decay)
