"""One LSTM layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from nextword.architecture import CELLS, Architecture
from nextword.models.layers.recurrence import Recurrence
from nextword.ops.lstm import LSTMState, lstm, update_cell
from nextword.ops.recurrence import Multiply, Tensors, masked, project, run_recurrence

_EPSILON = 1e-5


def normalized_lstm(
    inputs: Any,
    state: LSTMState,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    gains: Mapping[str, Any],
    cap_input_gate: bool = False,
    state_mask: Any = None,
    compute_dtype: str = "float32",
) -> tuple[Any, LSTMState]:
    r"""Run an LSTM with layer normalization over a sequence.

    With $\text{LN}(a) = (a - \mu) / \sqrt{\sigma^2 + 10^{-5}}$, mean $\mu$ and variance $\sigma^2$ over the elements of
    $a$, the LSTM of `nextword.ops.lstm.lstm` becomes

    $$i, f, o = \sigma(a_t), \quad g = \tanh(a_t), \quad
      a_t = \alpha \odot \text{LN}(x_t W) + \beta \odot \text{LN}(h_{t-1} U) + b$$
    $$c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(\gamma \odot \text{LN}(c_t) + \delta)$$

    The $4H$ pre-activations are normalized together, as in the paper; its two further biases inside $a_t$ would only
    be added to $b$.

    Args:
        inputs: The sequence `(B, T, I)`.
        state: Hidden and cell before the first step.
        kernel: $W$, `(I, 4H)`.
        recurrent_kernel: $U$, `(H, 4H)`.
        bias: $b$, `(4H,)`.
        gains: `input_gain` $\alpha$ `(4H,)`, `recurrent_gain` $\beta$ `(4H,)`, `cell_gain` $\gamma$ `(H,)` and
            `cell_bias` $\delta$ `(H,)`.
        cap_input_gate: As for `lstm`.
        state_mask: What $h_{t-1}$ is multiplied by where it is read back, `(B, H)`, the same at every step.
        compute_dtype: Precision of the matrix products on JAX.

    Returns:
        The hidden states `(B, T, H)`, and the state after the last step.

    Source:
        Ba, Kiros and Hinton (2016), equations 20 to 22.
    """
    projected = gains["input_gain"] * normalize(project(inputs, kernel, compute_dtype=compute_dtype)) + bias
    others = {name: gains[name] for name in ("recurrent_gain", "cell_gain", "cell_bias")} | {"state_mask": state_mask}
    hiddens, last = run_recurrence(
        NormalizedStep(cap_input_gate),
        projected,
        tuple(state),
        kernels={"recurrent_kernel": recurrent_kernel},
        others=others,
        compute_dtype=compute_dtype,
    )
    return hiddens, LSTMState(*last)


@dataclass(frozen=True)
class NormalizedStep:
    """Computes one step of `normalized_lstm`, with all of $a_t$ given that does not depend on the state."""

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

    The arithmetic is `nextword.ops.lstm.lstm`.

    Args:
        hidden_size: Width `H` of hidden state and cell.
        forget_bias: Initial bias of the forget gate; 1 keeps the gradient alive in the first epochs (Gers et al.
            2000; Jozefowicz et al. 2015).
        cap_input_gate: Whether $\min(i, 1 - f)$ stands for $i$, so that the cell stays in $[-1, 1]$ (Melis, Dyer and
            Blunsom 2018).
        layer_normalization: Whether gates and cell are normalized (`nextword.models.layers.lstm`).
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

    @classmethod
    def options_of(cls, architecture: Architecture) -> dict[str, Any]:
        """Return what an architecture says about this kind of layer alone."""
        names = ("forget_bias", "cap_input_gate", "layer_normalization")
        return {name: getattr(architecture, name) for name in names}

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
