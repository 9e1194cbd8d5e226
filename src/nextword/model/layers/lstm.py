"""An LSTM layer."""

from typing import Any, ClassVar

import keras

from nextword.model.cells import CELLS
from nextword.model.layers.recurrence import Recurrence
from nextword.model.ops.lstm import LSTMState, lstm
from nextword.model.ops.recurrence import project, sigmoid


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
        options: Arguments of `nextword.model.layers.recurrence.Recurrence`.
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
