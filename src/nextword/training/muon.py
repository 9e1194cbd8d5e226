"""Muon, for weights that hold several matrices side by side."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class GatewiseMuon(keras.optimizers.Muon):
    r"""Muon (Jordan et al. 2024) on each gate's part of the recurrent layers' kernels, and Adam on all else.

    The momentum $M$ of a kernel `(I, G H)` is cut into its $G$ gates. Each `(I, H)` has its singular values brought
    to about 1 by five Newton-Schulz iterations, so that every direction is learned at the same pace:

    $$W_g \leftarrow W_g - 0.2 \, \eta \rho \sqrt{\max(I, H)} \; \mathrm{orthogonalised}(\nabla_g + \mu M_g)$$

    The factor makes an update about as long as Adam's (Liu et al. 2025, "Muon is scalable for LLM training", section
    2.2), so that both can share the learning rate $\eta$. The gates are orthogonalised one by one, since they share
    nothing but their input: together, the strongest gradient of the four would set the measure for all.

    `weight_decay` takes $\eta \lambda w$ off each weight beside the update, as Liu et al. have it: in the gradient it
    would be scaled away with the gradient's length.

    Args:
        rate_ratio: The factor $\rho$ of Muon's learning rate over Adam's.
        compute_dtype: Precision of the iterations' products.
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
        """Create the variables, and note which weights are kernels of recurrent layers."""
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
        """Return a matrix with its singular values at about 1, as long as an update of Adam's."""
        narrow = ops.cast(matrix / (ops.norm(matrix) + 1e-7), self.compute_dtype)
        orthogonal = self.zeropower_via_newtonschulz5(narrow, self.ns_steps)
        return self.lr_adjust(ops.cast(orthogonal, matrix.dtype))


def gates_by_path(variables: Sequence[Any]) -> dict[str, int]:
    """Return the number of gates in each kernel of a recurrent layer, by its path.

    A recurrent kernel is `(H, G H)`, which tells the gates of the layer's other kernel too.
    """
    gates = {
        _layer_of(variable): variable.shape[1] // variable.shape[0]
        for variable in variables
        if variable.name == "recurrent_kernel"
    }
    return {
        variable.path: gates[_layer_of(variable)]
        for variable in variables
        if variable.name in ("kernel", "recurrent_kernel") and _layer_of(variable) in gates
    }


def _layer_of(variable: Any) -> str:
    return str(variable.path.rpartition("/")[0])
