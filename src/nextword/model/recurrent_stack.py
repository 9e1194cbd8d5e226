"""A stack of recurrent layers with dropout, and its state, carried from one window to the next."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import keras
from keras import ops

from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS, CellName
from nextword.model.layers.dropout import Dropout
from nextword.model.layers.initialization import InitializedLayer
from nextword.model.layers.recurrence import LAYERS, STATE_TYPES, Recurrence, RecurrentState

State = tuple[RecurrentState, ...]


def make_recurrent_layer(architecture: Architecture, index: int, **options: Any) -> Recurrence:
    """Return recurrent layer `index` of an architecture, named as in `Architecture.weight_shapes`.

    `options` are the arguments of `nextword.model.layers.initialization.InitializedLayer`.
    """
    layer = LAYERS[architecture.cell]
    return layer(
        architecture.hidden_sizes[index],
        weight_drop_rate=architecture.weight_drop_rate,
        name=f"{architecture.cell}_{index}",
        **layer.arguments_from(architecture),
        **options,
    )


class StackOutputs(NamedTuple):
    """Output of the last layer."""

    hidden: Any  # output after dropout, the input of the projection `(B, T, H)`
    raw: Any  # output before dropout `(B, T, H)`


@keras.saving.register_keras_serializable("nextword")
class RecurrentStack(InitializedLayer):
    """The recurrent part of a language model: dropout, LSTM, dropout, LSTM, ..., dropout.

    Dropout acts only on the connections between layers (Zaremba et al. 2014). For the recurrent connections there is
    `weight_drop_rate`. Locked dropout draws one mask for all steps of a window (Gal and Ghahramani 2016).
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        self.architecture = architecture
        layer_options = {"initialization": self.initialization, "compute_dtype": self.product_dtype}
        self.recurrent_layers = [
            make_recurrent_layer(architecture, index, **layer_options) for index in range(architecture.num_layers)
        ]
        between = [architecture.hidden_dropout_rate] * (architecture.num_layers - 1)
        rates = [architecture.input_dropout_rate, *between, architecture.output_dropout_rate]
        noise_shape = (None, 1, None) if architecture.locked_dropout else None
        self.dropouts = [
            Dropout(rate, noise_shape, seed=self.initialization.dropout_seed(f"dropout_{index}"))
            for index, rate in enumerate(rates)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build each layer for the width of the layer below."""
        width = input_shape[-1]
        for layer in self.recurrent_layers:
            layer.build((*input_shape[:-1], width))
            width = layer.hidden_size

    def initial_state(self, batch_size: int) -> State:
        """Return the state at the beginning of a text: zeros."""
        return tuple(layer.initial_state(batch_size) for layer in self.recurrent_layers)

    def call(self, inputs: Any, state: State, training: bool = False) -> tuple[Any, State]:
        """Run all layers over a window; return the output after dropout."""
        outputs, state = self.outputs(inputs, state, training=training)
        return outputs.hidden, state

    def outputs(self, inputs: Any, state: State, training: bool = False) -> tuple[StackOutputs, State]:
        """Run all layers over a window; return the output before and after the last dropout."""
        hidden, next_state = inputs, []
        for layer, dropout, layer_state in zip(self.recurrent_layers, self.dropouts[:-1], state, strict=True):
            hidden, after = layer(dropout(hidden, training=training), layer_state, training=training)
            next_state.append(after)
        return StackOutputs(self.dropouts[-1](hidden, training=training), hidden), tuple(next_state)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "architecture": self.architecture.to_table()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Create the layer from the result of `get_config`."""
        return super().from_config({**config, "architecture": Architecture.from_table(config["architecture"])})


@keras.saving.register_keras_serializable("nextword")
class CarriedState(keras.layers.Layer):
    """Keeps the state of each recurrent layer in non-trainable weights during `fit`; a call starts a window with it.

    `keras.layers.LSTM(stateful=True)` keeps its state where the JAX trainer does not see it: every batch of `fit` and
    `evaluate` silently begins with zeros. Every backend carries, saves and restores weights.
    """

    def __init__(
        self, hidden_sizes: tuple[int, ...], batch_size: int, *, cell: CellName = "lstm", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_sizes = tuple(hidden_sizes)
        self.batch_size = batch_size
        self.cell = cell
        self._arrays = {
            name: [self._zeros(f"{name}_{index}", size) for index, size in enumerate(self.hidden_sizes)]
            for name in CELLS[cell].state
        }
        self.built = True

    def _zeros(self, name: str, size: int) -> Any:
        return self.add_weight(shape=(self.batch_size, size), initializer="zeros", trainable=False, name=name)

    def call(self, reset: Any) -> tuple[RecurrentState, ...]:
        """Return the carried state, with zeros in the rows to reset."""
        begins = ops.cast(reset, "bool")[:, None]
        state_type = STATE_TYPES[CELLS[self.cell].state]
        return tuple(
            state_type(*(ops.where(begins, 0.0, array.value) for array in arrays)) for arrays in self._by_layer()
        )

    def assign(self, state: tuple[RecurrentState, ...]) -> None:
        """Keep `state` for the next window, without its gradient."""
        for arrays, layer_state in zip(self._by_layer(), state, strict=True):
            for array, value in zip(arrays, layer_state, strict=True):
                array.assign(ops.stop_gradient(value))

    def _by_layer(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self._arrays.values(), strict=True)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_sizes": self.hidden_sizes,
            "batch_size": self.batch_size,
            "cell": self.cell,
        }
