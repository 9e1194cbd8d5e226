"""One LSTM layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import ops

from nextword.architecture import CELLS
from nextword.models.layers.recurrence import Recurrence
from nextword.ops.lstm import LSTMState, lstm, update_cell
from nextword.ops.recurrence import Multiply, Tensors, masked, project, run_recurrence

_EPSILON = 1e-5


@dataclass(frozen=True)
class NormalizedStep:
    """Computes one step of `LSTM` with layer normalization; all of $a_t$ that does not depend on the state is given."""

    cap_input_gate: bool

    def __call__(
        self, multiply: Multiply, others: Mapping[str, Any], state: Tensors, projected: Any
    ) -> tuple[Tensors, Any]:
        """Run one step."""
        hidden, cell = state
        recurrent = normalize(multiply(masked(hidden, others.get("state_mask")), "recurrent_kernel"))
        hidden, cell = update_cell(
            projected + others["recurrent_gain"] * recurrent,
            cell,
            cap_input_gate=self.cap_input_gate,
            squash=lambda cell: ops.tanh(others["cell_gain"] * normalize(cell) + others["cell_bias"]),
        )
        return (hidden, cell), hidden


def normalize(a: Any) -> Any:
    r"""Return $\text{LN}(a)$ over the last axis."""
    centered = a - ops.mean(a, axis=-1, keepdims=True)
    return centered * ops.rsqrt(ops.mean(centered * centered, axis=-1, keepdims=True) + _EPSILON)


@keras.saving.register_keras_serializable("nextword")
class LSTM(Recurrence):
    r"""A long short-term memory layer whose state is an argument and a result.

    The tutorial's cell, with $s_t$ written as `cell` and the gates side by side in the order $i, f, g, o$:

    $$i = \sigma(b_i + x_t U_i + h_{t-1} V_i), \quad f = \sigma(b_f + x_t U_f + h_{t-1} V_f)$$
    $$g = \tanh(b_g + x_t U_g + h_{t-1} V_g), \quad o = \sigma(b_o + x_t U_o + h_{t-1} V_o)$$
    $$s_t = s_{t-1} \odot f + g \odot i, \quad h_t = \tanh(s_t) \odot o$$

    The arithmetic is `nextword.ops.lstm.lstm`. With layer normalization, it becomes

    $$i, f, o = \sigma(a_t), \quad g = \tanh(a_t), \quad
      a_t = \alpha \odot \text{LN}(x_t W) + \beta \odot \text{LN}(h_{t-1} U) + b$$
    $$c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(\gamma \odot \text{LN}(c_t) + \delta)$$

    with $\text{LN}(a) = (a - \mu) / \sqrt{\sigma^2 + 10^{-5}}$, mean $\mu$ and variance $\sigma^2$ over the elements of
    $a$, and the weights `input_gain` $\alpha$ `(4H,)`, `recurrent_gain` $\beta$ `(4H,)`, `cell_gain` $\gamma$ `(H,)`
    and `cell_bias` $\delta$ `(H,)`. The $4H$ pre-activations are normalized together, as in the paper. Its two further
    biases inside $a_t$ would only be added to $b$.

    Args:
        hidden_size: Width `H` of hidden state and cell.
        forget_bias: Initial bias of the forget gate; 1 keeps the gradient alive in the first epochs (Gers et al.
            2000; Jozefowicz et al. 2015).
        cap_input_gate: Whether $\min(i, 1 - f)$ stands for $i$, so that the cell stays in $[-1, 1]$ (Melis, Dyer and
            Blunsom 2018).
        layer_normalization: Whether gates and cell are normalized (Ba, Kiros and Hinton 2016, equations 20 to 22).
        options: Those of `nextword.models.layers.recurrence.Recurrence`.

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

    kind = CELLS["lstm"]
    own_options: ClassVar = {name: name for name in ("forget_bias", "cap_input_gate", "layer_normalization")}

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
        read = self.step_weights(state.hidden, training)
        if not self.layer_normalization:
            return lstm(inputs, state, cap_input_gate=self.cap_input_gate, **read)
        projected = normalize(project(inputs, read["kernel"], compute_dtype=read["compute_dtype"]))
        gains = dict(self.gains)
        hiddens, last = run_recurrence(
            NormalizedStep(self.cap_input_gate),
            gains.pop("input_gain") * projected + read["bias"],
            tuple(state),
            kernels={"recurrent_kernel": read["recurrent_kernel"]},
            others={**gains, "state_mask": read["state_mask"]},
            compute_dtype=read["compute_dtype"],
        )
        return hiddens, LSTMState(*last)
