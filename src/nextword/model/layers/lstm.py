"""An LSTM layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import ops

from nextword.model.cells import CELLS
from nextword.model.layers.recurrence import Recurrence
from nextword.model.ops.lstm import LSTMState, lstm, update_cell
from nextword.model.ops.recurrence import Multiply, Tensors, masked, project, sigmoid

_EPSILON = 1e-5


@dataclass(frozen=True)
class NormalizedStep:
    """Computes one step of `LSTM` with layer normalization from the terms of $a_t$ that do not depend on the state."""

    cap_input_gate: bool

    def __call__(
        self, multiply: Multiply, others: Mapping[str, Any], state: Tensors, projected: Any
    ) -> tuple[Tensors, Any]:
        """Return the next state and the output."""
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

    The cell is the tutorial's, whose equations are with `nextword.model.ops.lstm.lstm`. The weights hold the gates side
    by side in the order $i, f, g, o$. With layer normalization, the equations are

    $$i, f, o = \sigma(a_t), \quad g = \tanh(a_t), \quad
      a_t = \alpha \odot \text{LN}(x_t W) + \beta \odot \text{LN}(h_{t-1} U) + b$$
    $$c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(\gamma \odot \text{LN}(c_t) + \delta)$$

    with $\text{LN}(a) = (a - \mu) / \sqrt{\sigma^2 + 10^{-5}}$, mean $\mu$ and variance $\sigma^2$ over the elements of
    $a$, and the weights `input_gain` $\alpha$ `(4H,)`, `recurrent_gain` $\beta$ `(4H,)`, `cell_gain` $\gamma$ `(H,)`
    and `cell_bias` $\delta$ `(H,)`. As in the paper, the $4H$ pre-activations are normalized together. The paper's two
    additional biases inside $a_t$ are part of $b$ here.

    Args:
        hidden_size: Width `H` of hidden state and cell.
        forget_bias: Initial bias of the forget gate; 1 avoids vanishing gradients in the first epochs (Gers et al.
            2000; Jozefowicz et al. 2015).
        cap_input_gate: Whether $\min(i, 1 - f)$ replaces $i$, which keeps the cell in $[-1, 1]$ (Melis, Dyer and
            Blunsom 2018).
        layer_normalization: Whether to normalize gates and cell (Ba, Kiros and Hinton 2016, equations 20 to 22).
        state_modulation: Whether $U$ reads $2\sigma(x_t R + r) \odot h_{t-1}$ instead of $h_{t-1}$, with the weights
            `modulation_kernel` $R$ `(I, H)` and `modulation_bias` $r$ `(H,)`. It is the second round of a Mogrifier
            (Melis, Kočiský and Blunsom 2020) without the first: all factors of a window are one product.
        options: Arguments of `nextword.model.layers.recurrence.Recurrence`.
    """

    kind = CELLS["lstm"]
    cell_options: ClassVar = {"forget_bias": "forget_bias", **{name: name for name in CELLS["lstm"].options}}

    def __init__(
        self,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        cap_input_gate: bool = False,
        layer_normalization: bool = False,
        state_modulation: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(hidden_size, **options)
        self.forget_bias = forget_bias
        self.cap_input_gate = cap_input_gate
        self.layer_normalization = layer_normalization
        self.state_modulation = state_modulation

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel `(I, 4H)`, recurrent kernel `(H, 4H)`, bias `(4H,)`, and the weights of the options."""
        super().build(input_shape)
        if self.layer_normalization:
            widths = {"input_gain": 4, "recurrent_gain": 4, "cell_gain": 1, "cell_bias": 1}
            self.gains = {
                name: self.add_weight(
                    shape=(width * self.hidden_size,), initializer="ones" if "gain" in name else "zeros", name=name
                )
                for name, width in widths.items()
            }
        if self.state_modulation:
            self.modulation_kernel = self.add_weight(
                shape=(input_shape[-1], self.hidden_size),
                initializer=self.initialization.kernel(f"{self.name}/modulation"),
                name="modulation_kernel",
            )
            self.modulation_bias = self.add_weight(
                shape=(self.hidden_size,), initializer="zeros", name="modulation_bias"
            )

    def _bias_initializer(self) -> Any:
        return self.initialization.lstm_bias(self.forget_bias)

    def call(self, inputs: Any, state: LSTMState, training: bool = False) -> tuple[Any, LSTMState]:
        """Run the layer over a window."""
        state = LSTMState(*state)
        weights = self.step_weights(state.hidden, training)
        if not self.layer_normalization:
            modulation = self._modulation(inputs, weights["compute_dtype"]) if self.state_modulation else None
            return lstm(inputs, state, cap_input_gate=self.cap_input_gate, modulation=modulation, **weights)
        projected = normalize(project(inputs, weights["kernel"], compute_dtype=weights["compute_dtype"]))
        gains = dict(self.gains)
        inputs = gains.pop("input_gain") * projected + weights["bias"]
        kernels = {"recurrent_kernel": weights["recurrent_kernel"]}
        return self.run_step(NormalizedStep(self.cap_input_gate), inputs, state, weights, kernels=kernels, **gains)

    def _modulation(self, inputs: Any, compute_dtype: str) -> Any:
        """Return the factors of the hidden state at every step `(B, T, H)`, between 0 and 2."""
        product = project(inputs, self.modulation_kernel, compute_dtype=compute_dtype)
        return 2.0 * sigmoid(product + self.modulation_bias)
