"""LSTM layers on top of each other, with dropout around them."""

from typing import Any

import keras

from nextword.architecture import Architecture
from nextword.layers.initialization import Initialization
from nextword.layers.lstm import LSTM
from nextword.ops.lstm import LSTMState

State = tuple[LSTMState, ...]


@keras.saving.register_keras_serializable("nextword")
class RecurrentStack(keras.layers.Layer):
    """The recurrent part of a language model: dropout, LSTM, dropout, LSTM, ..., dropout.

    Dropout stands on the connections between layers and never on the recurrent ones (Zaremba et al. 2014).

    Args:
        architecture: Sizes and dropout rates.
        initialization: How the weights begin, and the seed of the dropout masks.
        compute_dtype: Precision of the matrix products in training.

    Call arguments:
        inputs: The embedded tokens `(B, T, E)`.
        state: One `LSTMState` a layer.
        training: Whether dropout acts.

    Returns:
        The hidden states of the last layer `(B, T, H)`, and the state after the last step.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        initialization: Initialization | None = None,
        compute_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.architecture = architecture
        self.initialization = initialization or Initialization()
        self.product_dtype = compute_dtype
        self.lstms = [
            LSTM(
                hidden_size,
                forget_bias=architecture.forget_bias,
                initialization=self.initialization,
                compute_dtype=compute_dtype,
                name=f"lstm_{index}",
            )
            for index, hidden_size in enumerate(architecture.hidden_sizes)
        ]
        between = [architecture.hidden_dropout_rate] * (architecture.num_layers - 1)
        rates = [architecture.input_dropout_rate, *between, architecture.output_dropout_rate]
        self.dropouts = [
            keras.layers.Dropout(rate, seed=self.initialization.dropout_seed(f"dropout_{index}"))
            for index, rate in enumerate(rates)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build each LSTM for the width of the one before."""
        width = input_shape[-1]
        for layer in self.lstms:
            layer.build((*input_shape[:-1], width))
            width = layer.hidden_size

    def initial_state(self, batch_size: int) -> State:
        """Return the state of zeros from which a text begins."""
        return tuple(layer.initial_state(batch_size) for layer in self.lstms)

    def call(self, inputs: Any, state: State, training: bool = False) -> tuple[Any, State]:
        """Run all layers over a window."""
        hidden = self.dropouts[0](inputs, training=training)
        next_state = []
        for layer, dropout, layer_state in zip(self.lstms, self.dropouts[1:], state, strict=True):
            hidden, after = layer(hidden, layer_state, training=training)
            hidden = dropout(hidden, training=training)
            next_state.append(after)
        return hidden, tuple(next_state)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "architecture": self.architecture.to_table(),
            "initialization": self.initialization.to_table(),
            "compute_dtype": self.product_dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RecurrentStack":
        """Rebuild the layer from `get_config`."""
        architecture = Architecture.from_table(config["architecture"])
        initialization = Initialization.from_table(config["initialization"])
        return cls(**{**config, "architecture": architecture, "initialization": initialization})
