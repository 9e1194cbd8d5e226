"""One layer of gated recurrent units."""

from typing import Any

import keras

from nextword.layers.recurrence import Recurrence
from nextword.ops.gru import gru
from nextword.ops.lstm import LSTMState


@keras.saving.register_keras_serializable("nextword")
class GRU(Recurrence):
    r"""A layer of gated recurrent units, there to be compared with.

    With the gates side by side in the order $z$ (update), $r$ (reset), $g$ (candidate):

    $$z = \sigma(b_z + x_t W_z + h_{t-1} U_z), \quad r = \sigma(b_r + x_t W_r + h_{t-1} U_r)$$
    $$g = \tanh(b_g + x_t W_g + (r \odot h_{t-1}) U_g), \quad h_t = z \odot h_{t-1} + (1 - z) \odot g$$

    It has no cell: that of the state comes out as it went in. The arithmetic stands in `nextword.ops.gru`.

    Args:
        hidden_size: Width `H` of the hidden state.
        options: Those of `nextword.layers.recurrence.Recurrence`.

    Call arguments:
        inputs: `(B, T, I)`.
        state: `LSTMState` of two `(B, H)`.
        training: Whether state and weights are dropped and `compute_dtype` is used.

    Returns:
        The hidden states `(B, T, H)` and the state after the last step.

    Source:
        Cho et al. (2014), equations 5 to 8.

    Example:
        >>> from keras import ops
        >>> layer = GRU(8)
        >>> outputs, state = layer(ops.ones((2, 5, 3)), layer.initial_state(2))
        >>> outputs.shape, layer.count_params()
        ((2, 5, 8), 288)
    """

    num_gates = 3

    def call(self, inputs: Any, state: LSTMState, training: bool = False) -> tuple[Any, LSTMState]:
        """Run the layer over a window."""
        hidden, cell = state
        hiddens, hidden = gru(inputs, hidden, **self.step_weights(hidden, training))
        return hiddens, LSTMState(hidden, cell)
