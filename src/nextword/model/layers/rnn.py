"""A simple recurrent layer."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from nextword.model.cells import CELLS
from nextword.model.layers.recurrence import HiddenState, Recurrence
from nextword.model.ops.recurrence import Multiply, Tensors, project


def rnn_step(multiply: Multiply, others: Mapping[str, Any], state: Tensors, projected: Any) -> tuple[Tensors, Any]:
    """Compute one step of `RNN` from `projected`, $x_t W$."""
    (hidden,) = state
    recurrent = multiply(hidden, "recurrent_kernel")
    hidden = ops.tanh(projected + recurrent + others["bias"])
    return (hidden,), hidden


@keras.saving.register_keras_serializable("nextword")
class RNN(Recurrence):
    r"""A simple recurrent layer, for comparison with an LSTM: its gradient vanishes.

    $$h_t = \tanh(x_t W + h_{t-1} U + b)$$

    The kernel $W$ is `(I, H)`, the recurrent kernel $U$ `(H, H)` and the bias $b$ `(H,)`. Its state is the hidden
    state.

    Source:
        Elman (1990).
    """

    kind = CELLS["rnn"]

    def call(self, inputs: Any, state: HiddenState, training: bool = False) -> tuple[Any, HiddenState]:
        """Run the layer over a window."""
        weights = self.step_weights(training)
        projected = project(inputs, weights["kernel"], compute_dtype=weights["compute_dtype"])
        kernels = {"recurrent_kernel": weights["recurrent_kernel"]}
        return self.run_step(rnn_step, projected, state, weights, kernels=kernels, bias=weights["bias"])
