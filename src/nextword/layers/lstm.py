"""One LSTM layer."""

from typing import Any

import keras
from keras import ops

from nextword.layers.initialization import Initialization
from nextword.ops.lstm import LSTMState, lstm


@keras.saving.register_keras_serializable("nextword")
class LSTM(keras.layers.Layer):
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
        initialization: How the kernels begin.
        compute_dtype: Precision of the matrix products in training, `float32` or `bfloat16`; prediction is float32.

    Call arguments:
        inputs: `(B, T, I)`.
        state: `LSTMState` of two `(B, H)`, from `initial_state` or the call before.
        training: Whether to use `compute_dtype`.

    Returns:
        The hidden states `(B, T, H)` and the `LSTMState` after the last step.

    Example:
        >>> layer = LSTM(8)
        >>> outputs, state = layer(ops.ones((2, 5, 3)), layer.initial_state(2))
        >>> outputs.shape, state.cell.shape
        ((2, 5, 8), (2, 8))
    """

    def __init__(
        self,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        initialization: Initialization | None = None,
        compute_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.forget_bias = forget_bias
        self.initialization = initialization or Initialization()
        self.product_dtype = compute_dtype

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel `(I, 4H)`, recurrent kernel `(H, 4H)` and bias `(4H,)`."""
        width = 4 * self.hidden_size
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width), initializer=self.initialization.kernel(self.name), name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.hidden_size, width),
            initializer=self.initialization.recurrent(self.name),
            name="recurrent_kernel",
        )
        self.bias = self.add_weight(shape=(width,), initializer=self._initial_bias, name="bias")

    def _initial_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        gate = shape[0] // 4
        zeros = ops.zeros((gate,), dtype)
        return ops.concatenate((zeros, ops.full((gate,), self.forget_bias, dtype), zeros, zeros))

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return the state of zeros from which a text begins."""
        zeros = ops.zeros((batch_size, self.hidden_size))
        return LSTMState(zeros, zeros)

    def call(self, inputs: Any, state: LSTMState, training: bool = False) -> tuple[Any, LSTMState]:
        """Run the layer over a window."""
        return lstm(
            inputs,
            LSTMState(*state),
            kernel=self.kernel,
            recurrent_kernel=self.recurrent_kernel,
            bias=self.bias,
            compute_dtype=self.product_dtype if training else "float32",
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_size": self.hidden_size,
            "forget_bias": self.forget_bias,
            "initialization": self.initialization.to_table(),
            "compute_dtype": self.product_dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LSTM":
        """Rebuild the layer from `get_config`."""
        return cls(**{**config, "initialization": Initialization.from_table(config["initialization"])})
