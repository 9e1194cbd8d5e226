"""The recurrent state that is carried from one window to the next."""

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from nextword.model.cells import CELLS, CellName
from nextword.model.layers.recurrence import STATE_TYPES, RecurrentState


@keras.saving.register_keras_serializable("nextword")
class CarriedState(keras.layers.Layer):
    """Keeps the state of each recurrent layer in non-trainable weights during `fit`.

    `keras.layers.LSTM(stateful=True)` keeps its state where the JAX trainer does not see it: every batch of `fit` and
    `evaluate` silently begins with zeros. Every backend carries, saves and restores weights.

    Args:
        hidden_sizes: Width of each recurrent layer.
        batch_size: Number of rows.
        cell: Kind of recurrent layer, which determines the state type.

    Call arguments:
        reset: Rows that begin with zeros `(B,)`, bool.

    Returns:
        The state at the beginning of the window.

    Example:
        >>> from nextword.model.ops.lstm import LSTMState
        >>> carried = CarriedState((4,), batch_size=2)
        >>> carried.assign((LSTMState(ops.ones((2, 4)), ops.ones((2, 4))),))
        >>> carried(ops.array([True, False]))[0].hidden[:, 0].tolist()
        [0.0, 1.0]
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
