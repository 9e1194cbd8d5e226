"""One layer of a simple recurrent network."""

from typing import Any

import keras

from nextword.layers.recurrence import Recurrence
from nextword.ops.lstm import LSTMState
from nextword.ops.rnn import rnn


@keras.saving.register_keras_serializable("nextword")
class RNN(Recurrence):
    r"""A simple recurrent layer, there to be compared with: its gradient vanishes (`docs/vanishing-gradient.md`).

    $$h_t = \tanh(x_t W + h_{t-1} U + b)$$

    It has no cell: that of the state comes out as it went in. The arithmetic stands in `nextword.ops.rnn`.

    Args:
        hidden_size: Width `H` of the hidden state.
        options: Those of `nextword.layers.recurrence.Recurrence`.

    Call arguments:
        inputs: `(B, T, I)`.
        state: `LSTMState` of two `(B, H)`.
        training: Whether state and weights are dropped and `compute_dtype` is used.

    Returns:
        The hidden states `(B, T, H)` and the state after the last step.

    Source:
        Elman (1990).

    Example:
        >>> from keras import ops
        >>> layer = RNN(8)
        >>> outputs, state = layer(ops.ones((2, 5, 3)), layer.initial_state(2))
        >>> outputs.shape, layer.count_params()
        ((2, 5, 8), 96)
    """

    num_gates = 1

    def call(self, inputs: Any, state: LSTMState, training: bool = False) -> tuple[Any, LSTMState]:
        """Run the layer over a window."""
        hidden, cell = state
        hiddens, hidden = rnn(inputs, hidden, **self.step_weights(hidden, training))
        return hiddens, LSTMState(hidden, cell)
