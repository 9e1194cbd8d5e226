"""Recurrent layers on top of each other, with dropout around them."""

from typing import Any, NamedTuple, Self

import keras

from nextword.architecture import Architecture
from nextword.models.layers.dropout import Dropout
from nextword.models.layers.gru import GRU
from nextword.models.layers.initialization import InitializedLayer
from nextword.models.layers.lstm import LSTM
from nextword.models.layers.mogrifier_lstm import MogrifierLSTM
from nextword.models.layers.recurrence import Recurrence, RecurrentState
from nextword.models.layers.rnn import RNN

State = tuple[RecurrentState, ...]


LAYERS: dict[str, type[Recurrence]] = {"lstm": LSTM, "mogrifier_lstm": MogrifierLSTM, "gru": GRU, "rnn": RNN}
"""The layer of each row in the table of cells."""


def make_recurrent_layer(architecture: Architecture, index: int, **options: Any) -> Recurrence:
    """Return the recurrent layer `index` of an architecture, named as in `Architecture.weight_shapes`.

    The `options` are those of `nextword.models.layers.initialization.InitializedLayer`.
    """
    layer = LAYERS[architecture.cell]
    return layer(
        architecture.hidden_sizes[index],
        state_dropout_rate=architecture.state_dropout_rate,
        weight_drop_rate=architecture.weight_drop_rate,
        name=f"{architecture.cell}_{index}",
        **layer.options_of(architecture),
        **options,
    )


class StackOutputs(NamedTuple):
    """What comes out of the last layer, or the sum of what comes out of all.

    Attributes:
        hidden: After dropout, which is what the projection reads `(B, T, H)`.
        raw: Before dropout `(B, T, H)`.
    """

    hidden: Any
    raw: Any


@keras.saving.register_keras_serializable("nextword")
class RecurrentStack(InitializedLayer):
    """The recurrent part of a language model: dropout, LSTM, dropout, LSTM, ..., dropout.

    Dropout is on the connections between layers and never on the recurrent ones (Zaremba et al. 2014); those have
    `weight_drop_rate` and `state_dropout_rate`. A dropout that is locked draws one mask for all steps of a window (Gal
    and Ghahramani 2016).

    With skip connections, what comes out is the sum of the outputs of all layers, and the last dropout acts on the sum;
    each layer still reads the one below (Melis, Dyer and Blunsom 2018).

    Args:
        architecture: The kind of layer, sizes, connections and dropout rates.
        options: Those of `nextword.models.layers.initialization.InitializedLayer`.

    Call arguments:
        inputs: The embedded tokens `(B, T, E)`.
        state: One `LSTMState` a layer, or the state of its kind.
        training: Whether dropout acts.

    Returns:
        The hidden states of the last layer, or their sum, `(B, T, H)`, and the state after the last step.
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        self.architecture = architecture
        of_layers = {"initialization": self.initialization, "compute_dtype": self.product_dtype}
        self.recurrent_layers = [
            make_recurrent_layer(architecture, index, **of_layers) for index in range(architecture.num_layers)
        ]
        between = [architecture.hidden_dropout_rate] * (architecture.num_layers - 1)
        rates = [architecture.input_dropout_rate, *between, architecture.output_dropout_rate]
        noise_shape = (None, 1, None) if architecture.locked_dropout else None
        self.dropouts = [
            Dropout(rate, noise_shape, seed=self.initialization.dropout_seed(f"dropout_{index}"))
            for index, rate in enumerate(rates)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build each layer for the width of the one before."""
        width = input_shape[-1]
        for layer in self.recurrent_layers:
            layer.build((*input_shape[:-1], width))
            width = layer.hidden_size

    def initial_state(self, batch_size: int) -> State:
        """Return the state of zeros from which a text begins."""
        return tuple(layer.initial_state(batch_size) for layer in self.recurrent_layers)

    def call(self, inputs: Any, state: State, training: bool = False) -> tuple[Any, State]:
        """Run all layers over a window."""
        outputs, state = self.outputs(inputs, state, training=training)
        return outputs.hidden, state

    def outputs(self, inputs: Any, state: State, training: bool = False) -> tuple[StackOutputs, State]:
        """Run all layers over a window, and return the last one's output before its dropout too."""
        hidden, hiddens, next_state = inputs, [], []
        for layer, dropout, layer_state in zip(self.recurrent_layers, self.dropouts[:-1], state, strict=True):
            hidden, after = layer(dropout(hidden, training=training), layer_state, training=training)
            hiddens.append(hidden)
            next_state.append(after)
        raw = sum(hiddens) if self.architecture.skip_connections else hidden
        return StackOutputs(self.dropouts[-1](raw, training=training), raw), tuple(next_state)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "architecture": self.architecture.to_table()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the layer from `get_config`."""
        return super().from_config({**config, "architecture": Architecture.from_table(config["architecture"])})
