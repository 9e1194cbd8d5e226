"""The base class of all recurrent layers."""

from typing import Any, ClassVar, NamedTuple

from keras import ops

from nextword.model.architecture import Architecture
from nextword.model.cells import Cell
from nextword.model.layers.dropout import WeightDrop
from nextword.model.layers.initialization import InitializedLayer
from nextword.model.ops.lstm import LSTMState
from nextword.model.ops.recurrence import Step, run_recurrence


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
