"""The optimizers: Adam, Muon and SGD, each with weight averages."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
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


class Muon(AveragingOptimizer, keras.optimizers.Muon):
    r"""Muon (Jordan et al. 2024) for each gate of the recurrent layers' kernels, and Adam for all other weights.

    The momentum $M$ of a kernel `(I, G H)` is split into its $G$ gates. Five Newton-Schulz iterations bring the
    singular values of each gate `(I, H)` to about 1, which gives every direction the same pace:

    $$W_g \leftarrow W_g - 0.2 \, \eta \rho \sqrt{\max(I, H)} \; \mathrm{orthogonalised}(\nabla_g + \mu M_g)$$

    The factor makes an update about as large as Adam's, so both can share the learning rate $\eta$ (Liu et al. 2025,
    "Muon is scalable for LLM training", section 2.2). The gates are orthogonalised separately because they share only
    their input. Together, the strongest of the four gradients would set the scale of all.

    `weight_decay` subtracts $\eta \lambda w$ from each weight separately, as in Liu et al. Inside the gradient,
    the orthogonalisation would remove its scale.

    Args:
        rate_ratio: The ratio $\rho$ of Muon's learning rate to Adam's.
        compute_dtype: Precision of the matrix products of the iterations.
    """

    def __init__(
        self,
        *args: Any,
        weight_decay: float | None = None,
        rate_ratio: float = 1.0,
        compute_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, weight_decay=weight_decay, adam_weight_decay=weight_decay, **kwargs)
        self.rate_ratio = rate_ratio
        self.compute_dtype = compute_dtype
        self._num_gates: dict[str, int] = {}

    def build(self, var_list: Sequence[Any]) -> None:
        """Create the variables, and find the kernels of the recurrent layers."""
        self._num_gates = gates_by_path(var_list)
        super().build(var_list)

    def _should_use_adamw(self, variable: Any) -> bool:
        return variable.path not in self._num_gates

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight."""
        if self._should_use_adamw(variable):
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self.momentums[self._get_variable_index(variable)]
        self.assign(momentum, self.momentum * momentum + gradient)
        direction = gradient + self.momentum * momentum
        gates = ops.split(direction, self._num_gates[variable.path], axis=1)
        update = ops.concatenate([self._orthogonalised(gate) for gate in gates], axis=1)
        self.assign_sub(variable, ops.cast(learning_rate * self.rate_ratio, variable.dtype) * update)

    def _orthogonalised(self, matrix: Any) -> Any:
        """Return a matrix with singular values of about 1, scaled to the size of an Adam update."""
        narrow = ops.cast(matrix / (ops.norm(matrix) + 1e-7), self.compute_dtype)
        orthogonal = self.zeropower_via_newtonschulz5(narrow, self.ns_steps)
        return self.lr_adjust(ops.cast(orthogonal, matrix.dtype))


def gates_by_path(variables: Sequence[Any]) -> dict[str, int]:
    """Return the number of gates in each kernel of a recurrent layer, by its path.

    The shape `(H, G H)` of the recurrent kernel gives the gates of both kernels of a layer.
    """
    kernels = [variable.path for variable in variables if variable.name in ("kernel", "recurrent_kernel")]
    gates = {
        variable.path.removesuffix("/recurrent_kernel"): variable.shape[1] // variable.shape[0]
        for variable in variables
        if variable.name == "recurrent_kernel"
    }
    return {path: gates[layer] for path in kernels if (layer := path.rpartition("/")[0]) in gates}


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
    compute_dtype: str = "float32",
) -> keras.optimizers.Optimizer:
    """Return the optimizer of a run, with its schedule and weight averages.

    Args:
        options: Optimizer, schedule and averaging.
        plan: The length of the schedules, and whether the clock decides it.
        relative_lengths: Length of each step's window over the usual length, if they differ. It scales the learning
            rate of a mean loss.
        compute_dtype: Precision of Muon's matrix products.

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
    return Adam(rate, beta_1=momentum, beta_2=options.beta_2, l2=options.weight_decay, **common)
