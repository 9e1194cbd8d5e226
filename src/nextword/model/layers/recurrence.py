"""The base class of all recurrent layers."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from nextword.model.architecture import Architecture
from nextword.model.cells import Cell
from nextword.model.layers.dropout import WeightDrop
from nextword.model.layers.initialization import InitializedLayer
from nextword.model.ops.dropout import dropout
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
        state_dropout_rate: Dropout in training on the hidden state that a step reads, with one mask for all steps of a
            window (Gal and Ghahramani 2016; Melis, Dyer and Blunsom 2018). It does not affect the layer's output or
            the state after the last step.
        weight_drop_rate: Dropout in training on the recurrent kernel, with a new mask for each window.
        options: Arguments of `nextword.model.layers.initialization.InitializedLayer`.
    """

    kind: ClassVar[Cell]
    """Row of the layer in the table of cells."""

    cell_options: ClassVar[Mapping[str, str]] = {}
    """Arguments specific to this kind of layer, with the names of their fields in `Architecture`."""

    def __init__(
        self,
        hidden_size: int,
        *,
        state_dropout_rate: float = 0.0,
        weight_drop_rate: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.hidden_size = hidden_size
        self.state_dropout_rate = state_dropout_rate
        if state_dropout_rate:
            self.state_seed = keras.random.SeedGenerator(self.initialization.dropout_seed(f"{self.name}/state"))
        self.weight_drop = WeightDrop(
            weight_drop_rate, seed=self.initialization.dropout_seed(f"{self.name}/weights"), name="weight_drop"
        )

    @classmethod
    def arguments_from(cls, architecture: Architecture) -> dict[str, Any]:
        """Return the arguments specific to this kind of layer, read from an architecture."""
        return {name: getattr(architecture, field) for name, field in cls.cell_options.items()}

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

    def step_weights(self, hidden: Any, training: bool) -> dict[str, Any]:
        """Return the weights, the mask and the precision that every kind of layer uses.

        Every step multiplies the hidden state $h_{t-1}$ that it reads by the `state_mask` `(B, H)`.
        """
        return {
            "kernel": self.kernel,
            "recurrent_kernel": self.weight_drop(self.recurrent_kernel, training=training),
            "bias": self.bias,
            "state_mask": self._state_mask(hidden) if training and self.state_dropout_rate else None,
            "compute_dtype": self.product_dtype if training else "float32",
        }

    def run_step(
        self, step: Step, inputs: Any, state: Any, weights: dict[str, Any], *, kernels: dict[str, Any], **others: Any
    ) -> tuple[Any, Any]:
        """Run a step over a window, with the mask and the precision of `step_weights`."""
        hiddens, last = run_recurrence(
            step,
            inputs,
            tuple(state),
            kernels=kernels,
            others={**others, "state_mask": weights["state_mask"]},
            compute_dtype=weights["compute_dtype"],
        )
        return hiddens, STATE_TYPES[self.kind.state](*last)

    def _state_mask(self, hidden: Any) -> Any:
        """Return a mask `(B, H)` of values 0 and $1 / (1 - p)$."""
        return dropout(ops.ones_like(hidden), self.state_dropout_rate, seed=self.state_seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_size": self.hidden_size,
            "state_dropout_rate": self.state_dropout_rate,
            "weight_drop_rate": self.weight_drop.rate,
            **{name: getattr(self, name) for name in self.cell_options},
        }
