"""One layer of a simple recurrent network."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from nextword.architecture import CELLS
from nextword.models.layers.recurrence import HiddenState, Recurrence
from nextword.ops.recurrence import Multiply, Tensors, masked, project, run_recurrence


def rnn(
    inputs: Any,
    hidden: Any,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    state_mask: Any = None,
    compute_dtype: str = "float32",
) -> tuple[Any, Any]:
    r"""Run a simple recurrent network over a sequence.

    With the input $x_t$, the hidden state $h_t$, the kernel $W$, the recurrent kernel $U$ and the bias $b$:

    $$h_t = \tanh(x_t W + h_{t-1} U + b)$$

    Args:
        inputs: The sequence `(B, T, I)`.
        hidden: Hidden state before the first step `(B, H)`.
        kernel: $W$, `(I, H)`.
        recurrent_kernel: $U$, `(H, H)`.
        bias: $b$, `(H,)`.
        state_mask: What $h_{t-1}$ is multiplied by where it is read back, `(B, H)`, the same at every step.
        compute_dtype: Precision of the matrix products on JAX.

    Returns:
        The hidden states `(B, T, H)`, and the last of them `(B, H)`.

    Source:
        Elman (1990).
    """
    projected = project(inputs, kernel, compute_dtype=compute_dtype)
    others = {"bias": bias, "state_mask": state_mask}
    kernels = {"recurrent_kernel": recurrent_kernel}
    hiddens, (hidden,) = run_recurrence(
        rnn_step, projected, (hidden,), kernels=kernels, others=others, compute_dtype=compute_dtype
    )
    return hiddens, hidden


def rnn_step(multiply: Multiply, others: Mapping[str, Any], state: Tensors, projected: Any) -> tuple[Tensors, Any]:
    """Compute one step of `rnn`, with $x_t W$ given."""
    (hidden,) = state
    recurrent = multiply(masked(hidden, others.get("state_mask")), "recurrent_kernel")
    hidden = ops.tanh(projected + recurrent + others["bias"])
    return (hidden,), hidden


@keras.saving.register_keras_serializable("nextword")
class RNN(Recurrence):
    r"""A simple recurrent layer, there to be compared with: its gradient vanishes (`docs/vanishing-gradient.md`).

    $$h_t = \tanh(x_t W + h_{t-1} U + b)$$

    Its state is the hidden state alone. The arithmetic is `nextword.models.layers.rnn.rnn`.

    Args:
        hidden_size: Width `H` of the hidden state.
        options: Those of `nextword.models.layers.recurrence.Recurrence`.

    Call arguments:
        inputs: `(B, T, I)`.
        state: `HiddenState` of one `(B, H)`.
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

    kind = CELLS["rnn"]

    def call(self, inputs: Any, state: HiddenState, training: bool = False) -> tuple[Any, HiddenState]:
        """Run the layer over a window."""
        (hidden,) = state
        hiddens, hidden = rnn(inputs, hidden, **self.step_weights(hidden, training))
        return hiddens, HiddenState(hidden)
