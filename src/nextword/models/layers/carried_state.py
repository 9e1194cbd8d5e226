"""The recurrent state that survives from one window to the next."""

from typing import Any

import keras
from keras import ops

from nextword.ops.lstm import LSTMState


@keras.saving.register_keras_serializable("nextword")
class CarriedState(keras.layers.Layer):
    """Holds one `LSTMState` a layer in non-trainable weights, where `fit` carries it along.

    `keras.layers.LSTM(stateful=True)` keeps its state where the JAX trainer does not see it, and so silently begins
    every batch of `fit` and `evaluate` at zero. Weights are seen, carried, saved and restored on every backend.

    Args:
        hidden_sizes: Width of each LSTM layer.
        batch_size: Number of rows.

    Call arguments:
        reset: Rows that begin anew `(B,)`, bool.

    Returns:
        The state in which the window begins.

    Example:
        >>> carried = CarriedState((4,), batch_size=2)
        >>> carried.assign((LSTMState(ops.ones((2, 4)), ops.ones((2, 4))),))
        >>> carried(ops.array([True, False]))[0].hidden[:, 0].tolist()
        [0.0, 1.0]
    """

    def __init__(self, hidden_sizes: tuple[int, ...], batch_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_sizes = tuple(hidden_sizes)
        self.batch_size = batch_size
        self._hiddens = [self._zeros(f"hidden_{index}", size) for index, size in enumerate(self.hidden_sizes)]
        self._cells = [self._zeros(f"cell_{index}", size) for index, size in enumerate(self.hidden_sizes)]
        self.built = True

    def _zeros(self, name: str, size: int) -> Any:
        return self.add_weight(shape=(self.batch_size, size), initializer="zeros", trainable=False, name=name)

    def call(self, reset: Any) -> tuple[LSTMState, ...]:
        """Return the carried state, at zero in the rows to reset."""
        begins = ops.cast(reset, "bool")[:, None]
        return tuple(
            LSTMState(ops.where(begins, 0.0, hidden.value), ops.where(begins, 0.0, cell.value))
            for hidden, cell in zip(self._hiddens, self._cells, strict=True)
        )

    def assign(self, state: tuple[LSTMState, ...]) -> None:
        """Keep `state` for the next window, with the gradient stopped."""
        for hidden, cell, layer_state in zip(self._hiddens, self._cells, state, strict=True):
            hidden.assign(ops.stop_gradient(layer_state.hidden))
            cell.assign(ops.stop_gradient(layer_state.cell))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "hidden_sizes": self.hidden_sizes, "batch_size": self.batch_size}
