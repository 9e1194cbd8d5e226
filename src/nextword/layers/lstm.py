"""One LSTM layer."""

from typing import Any

import keras

from nextword.layers.recurrence import Recurrence
from nextword.ops.lstm import LSTMState, lstm
from nextword.ops.normalized_lstm import normalized_lstm


@keras.saving.register_keras_serializable("nextword")
class LSTM(Recurrence):
    r"""A long short-term memory layer whose state is an argument and a result.

    The tutorial's cell, with $s_t$ written as `cell` and the gates side by side in the order $i, f, g, o$:

    $$i = \sigma(b_i + x_t U_i + h_{t-1} V_i), \quad f = \sigma(b_f + x_t U_f + h_{t-1} V_f)$$
    $$g = \tanh(b_g + x_t U_g + h_{t-1} V_g), \quad o = \sigma(b_o + x_t U_o + h_{t-1} V_o)$$
    $$s_t = s_{t-1} \odot f + g \odot i, \quad h_t = \tanh(s_t) \odot o$$

    The arithmetic stands in `nextword.ops.lstm`.

    Args:
        hidden_size: Width `H` of hidden state and cell.
        forget_bias: Initial bias of the forget gate; 1 keeps the gradient alive in the first epochs (Gers et al.
            2000; Jozefowicz et al. 2015).
        cap_input_gate: Whether $\min(i, 1 - f)$ stands for $i$, so that the cell stays in $[-1, 1]$ (Melis, Dyer and
            Blunsom 2018).
        layer_normalization: Whether gates and cell are normalized (`nextword.ops.normalized_lstm`).
        options: Those of `nextword.layers.recurrence.Recurrence`.

    Call arguments:
        inputs: `(B, T, I)`.
        state: `LSTMState` of two `(B, H)`, from `initial_state` or the call before.
        training: Whether state and weights are dropped and `compute_dtype` is used.

    Returns:
        The hidden states `(B, T, H)` and the `LSTMState` after the last step.

    Example:
        >>> from keras import ops
        >>> layer = LSTM(8)
        >>> outputs, state = layer(ops.ones((2, 5, 3)), layer.initial_state(2))
        >>> outputs.shape, state.cell.shape
        ((2, 5, 8), (2, 8))
    """

    num_gates = 4

    def __init__(
        self,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        cap_input_gate: bool = False,
        layer_normalization: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(hidden_size, **options)
        self.forget_bias = forget_bias
        self.cap_input_gate = cap_input_gate
        self.layer_normalization = layer_normalization

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel `(I, 4H)`, recurrent kernel `(H, 4H)` and bias `(4H,)`, and what normalization needs."""
        super().build(input_shape)
        if self.layer_normalization:
            widths = {"input_gain": 4, "recurrent_gain": 4, "cell_gain": 1, "cell_bias": 1}
            self.gains = {
                name: self.add_weight(
                    shape=(width * self.hidden_size,), initializer="ones" if "gain" in name else "zeros", name=name
                )
                for name, width in widths.items()
            }

    def _bias_initializer(self) -> Any:
        return self.initialization.lstm_bias(self.forget_bias)

    def call(self, inputs: Any, state: LSTMState, training: bool = False) -> tuple[Any, LSTMState]:
        """Run the layer over a window."""
        state = LSTMState(*state)
        options = {**self.step_weights(state.hidden, training), "cap_input_gate": self.cap_input_gate}
        if self.layer_normalization:
            return normalized_lstm(inputs, state, gains=dict(self.gains), **options)
        return lstm(inputs, state, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "forget_bias": self.forget_bias,
            "cap_input_gate": self.cap_input_gate,
            "layer_normalization": self.layer_normalization,
        }
