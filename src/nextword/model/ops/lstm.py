"""The LSTM recurrence: a reference for every Keras backend, and the choice of the fast path."""

from typing import Any, NamedTuple

import keras
from keras import ops

if keras.backend.backend() == "jax":
    from nextword.model.ops import lstm_jax


class LSTMState(NamedTuple):
    """Recurrent state of an LSTM layer."""

    hidden: Any  # output of the last step `(B, H)`
    cell: Any  # memory of the layer `(B, H)`


def lstm(
    inputs: Any,
    state: LSTMState,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    modulation: Any = None,
    compute_dtype: str = "float32",
) -> tuple[Any, LSTMState]:
    r"""Run an LSTM over a sequence.

    $x_t$ is the input, $h_t$ the hidden state and $c_t$ the cell. The kernel $W$, the recurrent kernel $U$ and the
    bias $b$ hold the gates side by side in the order $i, f, g, o$:

    $$i, f, o = \sigma(x_t W + h_{t-1} U + b), \quad g = \tanh(x_t W + h_{t-1} U + b)$$
    $$c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(c_t)$$

    With a `modulation` $s_t$, $U$ reads $h_{t-1} \odot s_t$.

    Args:
        inputs: Sequence `(B, T, I)`.
        state: Hidden state and cell before the first step; both have gradients.
        kernel: $W$, `(I, 4H)`.
        recurrent_kernel: $U$, `(H, 4H)`.
        bias: $b$, `(4H,)`.
        modulation: $s_t$ of every step `(B, T, H)`.
        compute_dtype: Precision of the matrix products on JAX; everything else is float32, and so are other backends.

    Returns:
        The hidden states `(B, T, H)`, and the state after the last step.

    Source:
        Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000).
    """
    options = {} if modulation is None else {"modulation": ops.transpose(modulation, (1, 0, 2))}
    if keras.backend.backend() != "jax":
        return lstm_reference(inputs, state, kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias, **options)
    is_for_cudnn = not options and _suits_cudnn(inputs.shape, compute_dtype)
    recurrence: Any = lstm_jax.cudnn_recurrence if is_for_cudnn else lstm_jax.lstm_recurrence
    by_time = ops.transpose(inputs, (1, 0, 2))
    tensors = map(ops.convert_to_tensor, (*state, kernel, recurrent_kernel, bias))
    hiddens, hidden, cell = recurrence(by_time, *tensors, compute_dtype, **options)
    return ops.transpose(hiddens, (1, 0, 2)), LSTMState(hidden, cell)


def lstm_path() -> str:
    """Return a description of the implementation that this backend and this machine use."""
    if keras.backend.backend() != "jax":
        return "the reference, step by step"
    scan = "a scan with a custom gradient"
    return f"cuDNN for large windows in float32, otherwise {scan}" if lstm_jax.cudnn_is_available() else scan


def _suits_cudnn(shape: tuple[int, ...], compute_dtype: str) -> bool:
    """Return whether cuDNN is faster for a plain LSTM; it packs the weights in every call, too slow for few tokens."""
    is_large = shape[0] * shape[1] >= lstm_jax.MIN_CUDNN_TOKENS
    return compute_dtype == "float32" and is_large and lstm_jax.cudnn_is_available()


def lstm_reference(
    inputs: Any,
    state: LSTMState,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    modulation: Any = None,
) -> tuple[Any, LSTMState]:
    """Run `lstm` exactly as its equations say, one step at a time; `modulation` is `(T, B, H)`."""

    def step(state: tuple[Any, Any], at_t: Any) -> tuple[tuple[Any, Any], Any]:
        hidden, cell = state
        x_t, *factors = at_t
        read = hidden * factors[0] if factors else hidden
        gates = x_t @ kernel + read @ recurrent_kernel + bias
        hidden, cell = update_cell(gates, cell)
        return (hidden, cell), hidden

    steps = [ops.transpose(inputs, (1, 0, 2)), *([] if modulation is None else [modulation])]
    last, hiddens = ops.scan(step, tuple(state), steps)
    return ops.transpose(hiddens, (1, 0, 2)), LSTMState(*last)


def update_cell(gates: Any, cell: Any) -> tuple[Any, Any]:
    """Return the next hidden state and cell `(B, H)` from the pre-activations `(B, 4H)` and the cell."""
    i, f, g, o = ops.split(gates, 4, axis=-1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    cell = f * cell + i * g
    return o * ops.tanh(cell), cell
