"""A layer of gated recurrent units."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from nextword.model.cells import CELLS
from nextword.model.layers.recurrence import HiddenState, Recurrence
from nextword.model.ops.recurrence import Multiply, Tensors, project, sigmoid


def gru_step(multiply: Multiply, others: Mapping[str, Any], state: Tensors, projected: Any) -> tuple[Tensors, Any]:
    """Compute one step of `GRU` from `projected`, $x_t W$."""
    (hidden,) = state
    z_input, r_input, g_input = ops.split(projected + others["bias"], 3, axis=-1)
    z_hidden, r_hidden = ops.split(multiply(hidden, "gates"), 2, axis=-1)
    z, r = sigmoid(z_input + z_hidden), sigmoid(r_input + r_hidden)
    g = ops.tanh(g_input + multiply(r * hidden, "candidate"))
    hidden = z * hidden + (1.0 - z) * g
    return (hidden,), hidden


@keras.saving.register_keras_serializable("nextword")
class GRU(Recurrence):
    r"""A layer of gated recurrent units, for comparison with an LSTM.

    The kernel $W$ `(I, 3H)`, the recurrent kernel $U$ `(H, 3H)` and the bias $b$ `(3H,)` hold the gates side by side
    in the order $z$ (update), $r$ (reset), $g$ (candidate):

    $$z = \sigma(b_z + x_t W_z + h_{t-1} U_z), \quad r = \sigma(b_r + x_t W_r + h_{t-1} U_r)$$
    $$g = \tanh(b_g + x_t W_g + (r \odot h_{t-1}) U_g), \quad h_t = z \odot h_{t-1} + (1 - z) \odot g$$

    Its state is the hidden state.

    Source:
        Cho et al. (2014), equations 5 to 8; Keras has it as `GRU(reset_after=False)`.
    """

    kind = CELLS["gru"]

    def call(self, inputs: Any, state: HiddenState, training: bool = False) -> tuple[Any, HiddenState]:
        """Run the layer over a window."""
        weights = self.step_weights(training)
        width, recurrent_kernel = 2 * self.hidden_size, weights["recurrent_kernel"]
        projected = project(inputs, weights["kernel"], compute_dtype=weights["compute_dtype"])
        kernels = {"gates": recurrent_kernel[:, :width], "candidate": recurrent_kernel[:, width:]}
        return self.run_step(gru_step, projected, state, weights, kernels=kernels, bias=weights["bias"])
