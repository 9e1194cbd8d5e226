"""The recurrent layers: what they have in common, the LSTM, the GRU and the simple one."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS, Cell
from nextword.model.layers.dropout import WeightDrop
from nextword.model.layers.initialization import InitializedLayer
from nextword.model.ops.lstm import LSTMState, lstm
from nextword.model.ops.recurrence import Multiply, Step, Tensors, project, run_recurrence, sigmoid


class HiddenState(NamedTuple):
    """Recurrent state of a layer without a memory cell."""

    hidden: Any  # output of the last step `(B, H)`


RecurrentState = LSTMState | HiddenState

STATE_TYPES: dict[tuple[str, ...], type[RecurrentState]] = {kind._fields: kind for kind in (LSTMState, HiddenState)}
"""State type for each tuple of array names in the table of cells."""


class Recurrence(InitializedLayer):
    """A recurrent layer whose state is an argument and a result; subclasses define the step.

    The arrays of its state are `(B, H)` and have the names in its row of the table of cells. A call takes inputs
    `(B, T, I)` and the state before them, and returns the hidden states `(B, T, H)` and the state after the last step.

    Args:
        hidden_size: Width `H` of the hidden state and the cell.
        weight_drop_rate: Dropout in training on the recurrent kernel, with a new mask for each window.
        options: Arguments of `nextword.model.layers.initialization.InitializedLayer`.
    """

    kind: ClassVar[Cell]
    """Row of the layer in the table of cells."""

    cell_options: ClassVar[tuple[str, ...]] = ()
    """Arguments specific to this kind of layer; they are fields of `Architecture`."""

    def __init__(
        self,
        hidden_size: int,
        *,
        weight_drop_rate: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.hidden_size = hidden_size
        self.weight_drop = WeightDrop(
            weight_drop_rate, seed=self.initialization.dropout_seed(f"{self.name}/weights"), name="weight_drop"
        )

    @classmethod
    def arguments_from(cls, architecture: Architecture) -> dict[str, Any]:
        """Return the arguments specific to this kind of layer, read from an architecture."""
        return {name: getattr(architecture, name) for name in cls.cell_options}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel `(I, G H)`, recurrent kernel `(H, G H)` and bias `(G H,)` for `G` gates side by side."""
        width = self.kind.num_gates * self.hidden_size
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width), initializer=self.initialization.kernel(self.name), name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.hidden_size, width),
            initializer=self.initialization.recurrent(self.name),
            name="recurrent_kernel",
        )
        self.bias = self.add_weight(shape=(width,), initializer=self._bias_initializer(), name="bias")

    def _bias_initializer(self) -> Any:
        return "zeros"

    def initial_state(self, batch_size: int) -> RecurrentState:
        """Return the state at the beginning of a text: zeros."""
        zeros = ops.zeros((batch_size, self.hidden_size))
        return STATE_TYPES[self.kind.state](*[zeros] * len(self.kind.state))

    def step_weights(self, training: bool) -> dict[str, Any]:
        """Return the weights and the precision that every kind of layer uses."""
        return {
            "kernel": self.kernel,
            "recurrent_kernel": self.weight_drop(self.recurrent_kernel, training=training),
            "bias": self.bias,
            "compute_dtype": self.product_dtype if training else "float32",
        }

    def run_step(
        self, step: Step, inputs: Any, state: Any, weights: dict[str, Any], *, kernels: dict[str, Any], **others: Any
    ) -> tuple[Any, Any]:
        """Run a step over a window, with the precision of `step_weights`."""
        hiddens, last = run_recurrence(
            step,
            inputs,
            tuple(state),
            kernels=kernels,
            others=others,
            compute_dtype=weights["compute_dtype"],
        )
        return hiddens, STATE_TYPES[self.kind.state](*last)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_size": self.hidden_size,
            "weight_drop_rate": self.weight_drop.rate,
            **{name: getattr(self, name) for name in self.cell_options},
        }


@keras.saving.register_keras_serializable("nextword")
class LSTM(Recurrence):
    r"""A long short-term memory layer whose state is an argument and a result.

    The cell is the tutorial's, whose equations are with `nextword.model.ops.lstm.lstm`. The weights hold the gates side
    by side in the order $i, f, g, o$.

    Args:
        hidden_size: Width `H` of hidden state and cell.
        forget_bias: Initial bias of the forget gate; 1 avoids vanishing gradients in the first epochs (Gers et al.
            2000; Jozefowicz et al. 2015).
        state_modulation: Whether $U$ reads $2\sigma(x_t R + r) \odot h_{t-1}$ instead of $h_{t-1}$, with the weights
            `modulation_kernel` $R$ `(I, H)` and `modulation_bias` $r$ `(H,)`. It is the second round of a Mogrifier
            (Melis, Kočiský and Blunsom 2020) without the first: all factors of a window are one product.
        options: Arguments of `Recurrence`.
    """

    kind = CELLS["lstm"]
    cell_options: ClassVar = ("forget_bias", "state_modulation")

    def __init__(
        self, hidden_size: int, *, forget_bias: float = 1.0, state_modulation: bool = False, **options: Any
    ) -> None:
        super().__init__(hidden_size, **options)
        self.forget_bias = forget_bias
        self.state_modulation = state_modulation

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel `(I, 4H)`, recurrent kernel `(H, 4H)`, bias `(4H,)`, and the weights of the modulation."""
        super().build(input_shape)
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
        weights = self.step_weights(training)
        modulation = self._modulation(inputs, weights["compute_dtype"]) if self.state_modulation else None
        return lstm(inputs, LSTMState(*state), modulation=modulation, **weights)

    def _modulation(self, inputs: Any, compute_dtype: str) -> Any:
        """Return the factors of the hidden state at every step `(B, T, H)`, between 0 and 2."""
        product = project(inputs, self.modulation_kernel, compute_dtype=compute_dtype)
        return 2.0 * sigmoid(product + self.modulation_bias)


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


LAYERS: dict[str, type[Recurrence]] = {"lstm": LSTM, "gru": GRU, "rnn": RNN}
"""The layer of each cell."""
