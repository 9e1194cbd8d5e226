"""A Mogrifier LSTM layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import ops

from nextword.model.cells import CELLS
from nextword.model.layers.recurrence import Recurrence
from nextword.model.ops.lstm import LSTMState, update_cell
from nextword.model.ops.recurrence import Multiply, Tensors, masked, sigmoid


@dataclass(frozen=True)
class MogrifierStep:
    """Computes one step of `MogrifierLSTM`."""

    num_rounds: int
    factored: bool
    cap_input_gate: bool

    def __call__(self, multiply: Multiply, others: Mapping[str, Any], state: Tensors, x_t: Any) -> tuple[Tensors, Any]:
        """Modulate input and hidden state, then return the LSTM's next state and output."""
        hidden, cell = state
        x, h = x_t, masked(hidden, others.get("state_mask"))
        for index in range(1, self.num_rounds + 1):
            if index % 2:
                x = self._modulation(multiply, others, h, index) * x
            else:
                h = self._modulation(multiply, others, x, index) * h
        gates = multiply(ops.concatenate((x, h), axis=-1), "gates") + others["bias"]
        hidden, cell = update_cell(gates, cell, cap_input_gate=self.cap_input_gate)
        return (hidden, cell), hidden

    def _modulation(self, multiply: Multiply, others: Mapping[str, Any], source: Any, index: int) -> Any:
        """Return the gate that `source` computes in round `index`."""
        name = f"modulation_{index}"
        if self.factored:
            product = multiply(multiply(source, f"{name}_left"), f"{name}_right")
        else:
            product = multiply(source, f"{name}_kernel")
        return 2.0 * sigmoid(product + others[f"{name}_bias"])


@keras.saving.register_keras_serializable("nextword")
class MogrifierLSTM(Recurrence):
    r"""An LSTM layer in which input and hidden state modulate each other before each step.

    The input $x^{-1} = x_t$ `(B, I)` and the hidden state $h^0 = h_{t-1}$ `(B, H)` gate each other alternately in
    rounds $r = 1, \dots, R$. Superscripts count rounds, not steps:

    $$x^r = 2\sigma(h^{r-1} Q^r + q^r) \odot x^{r-2} \quad \text{for odd } r$$
    $$h^r = 2\sigma(x^{r-1} R^r + r^r) \odot h^{r-2} \quad \text{for even } r$$

    The gates of `nextword.model.ops.lstm.lstm` read the last $x$ and $h$; with zero rounds, this is that LSTM. The
    biases $q$ and $r$ are in the authors' program, which produced the paper's figures, but not in the paper's
    equations.

    The weights of round $r$ are `modulation_r_bias`, `(I,)` or `(H,)`, and `modulation_r_kernel`, $Q^r$ `(H, I)` or
    $R^r$ `(I, H)`. With a rank $k$, two factors replace the kernel: `modulation_r_left` `(H, k)` or `(I, k)`, and
    `modulation_r_right` `(k, I)` or `(k, H)`.

    Args:
        hidden_size: Width `H` of hidden state and cell.
        num_rounds: $R$; 5 to 6 are best in the paper.
        rank: Rank $k$ of $Q^r$ and $R^r$; default: full rank.
        forget_bias: Initial bias of the forget gate.
        cap_input_gate: Whether to cap the input gate at $1 - f$.
        options: Arguments of `nextword.model.layers.recurrence.Recurrence`.

    Source:
        Melis, Kočiský and Blunsom (2020), equations 1 and 2; google-deepmind/lamb.
    """

    kind = CELLS["mogrifier_lstm"]
    cell_options: ClassVar = {
        "num_rounds": "mogrifier_rounds",
        "rank": "mogrifier_rank",
        "forget_bias": "forget_bias",
        "cap_input_gate": "cap_input_gate",
    }

    def __init__(
        self,
        hidden_size: int,
        *,
        num_rounds: int = 5,
        rank: int | None = None,
        forget_bias: float = 1.0,
        cap_input_gate: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(hidden_size, **options)
        self.num_rounds = num_rounds
        self.rank = rank
        self.forget_bias = forget_bias
        self.cap_input_gate = cap_input_gate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of the LSTM and of each round."""
        super().build(input_shape)
        self.modulations: dict[str, Any] = {}
        source: int | None = self.hidden_size
        target = input_shape[-1]
        for index in range(1, self.num_rounds + 1):
            self._add_modulation(f"modulation_{index}", source, target)
            source, target = target, source

    def _bias_initializer(self) -> Any:
        return self.initialization.lstm_bias(self.forget_bias)

    def _add_modulation(self, name: str, source: Any, target: Any) -> None:
        initial = self.initialization
        if self.rank is None:
            self._add(f"{name}_kernel", (source, target), initial.kernel(f"{self.name}/{name}"))
        else:
            for side, shape in (("left", (source, self.rank)), ("right", (self.rank, target))):
                initializer = initial.factor(f"{self.name}/{name}_{side}", num_inputs=source, rank=self.rank)
                self._add(f"{name}_{side}", shape, initializer)
        self._add(f"{name}_bias", (target,), "zeros")

    def _add(self, name: str, shape: tuple[Any, ...], initializer: Any) -> None:
        self.modulations[name] = self.add_weight(shape=shape, initializer=initializer, name=name)

    def call(self, inputs: Any, state: LSTMState, training: bool = False) -> tuple[Any, LSTMState]:
        """Run the layer over a window."""
        state = LSTMState(*state)
        weights = self.step_weights(state.hidden, training)
        # One product with (I + H, 4H) is faster than two.
        kernels = {"gates": ops.concatenate((weights["kernel"], weights["recurrent_kernel"]))}
        others = {"bias": weights["bias"]}
        for name, weight in self.modulations.items():
            (others if name.endswith("_bias") else kernels)[name] = weight
        step = MogrifierStep(self.num_rounds, self.rank is not None, self.cap_input_gate)
        return self.run_step(step, inputs, state, weights, kernels=kernels, **others)
