"""The LSTM recurrence: the reference on every Keras backend, and the rule that picks the fast path."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from nextword.ops.recurrence import masked, sigmoid

if keras.backend.backend() == "jax":
    from nextword.ops import lstm_cudnn, lstm_jax
elif keras.backend.backend() == "torch":
    from nextword.ops import lstm_torch


class LSTMState(NamedTuple):
    """What an LSTM layer carries from one step to the next.

    Attributes:
        hidden: The output of the last step `(B, H)`.
        cell: The memory of the layer `(B, H)`.
    """

    hidden: Any
    cell: Any


def lstm(
    inputs: Any,
    state: LSTMState,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    cap_input_gate: bool = False,
    state_mask: Any = None,
    compute_dtype: str = "float32",
) -> tuple[Any, LSTMState]:
    r"""Run an LSTM over a sequence.

    With the input $x_t$, the hidden state $h_t$, the cell $c_t$, and the gates side by side in the order $i, f, g, o$
    in the kernel $W$, the recurrent kernel $U$ and the bias $b$:

    $$i, f, o = \sigma(x_t W + h_{t-1} U + b), \quad g = \tanh(x_t W + h_{t-1} U + b)$$
    $$c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(c_t)$$

    With `cap_input_gate`, $\min(i, 1 - f)$ stands for $i$: a cell that begins in $[-1, 1]$ stays there. With a
    `state_mask` $m$, $h_{t-1} \odot m$ is what $U$ reads.

    Args:
        inputs: The sequence `(B, T, I)`.
        state: Hidden and cell before the first step; the gradient flows into both.
        kernel: $W$, `(I, 4H)`.
        recurrent_kernel: $U$, `(H, 4H)`.
        bias: $b$, `(4H,)`.
        cap_input_gate: Whether the input gate is capped.
        state_mask: $m$, `(B, H)`, the same at every step; no gradient flows into it.
        compute_dtype: Precision of the matrix products on JAX, where all else is float32, and of the whole recurrence
            on PyTorch; what comes out is float32. Other backends run in float32.

    Returns:
        The hidden states `(B, T, H)`, and the state after the last step.

    Source:
        Hochreiter and Schmidhuber (1997); with the forget gate of Gers, Schmidhuber and Cummins (2000). Capped input
        gate and state mask: Melis, Dyer and Blunsom (2018), section 4.
    """
    options = {"cap_input_gate": True} if cap_input_gate else {}
    if state_mask is not None:
        options["state_mask"] = ops.convert_to_tensor(state_mask)
    recurrence = _fast_path(inputs.shape, compute_dtype, plain=not options)
    if recurrence is None:
        return lstm_reference(inputs, state, kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias, **options)
    by_time = ops.transpose(inputs, (1, 0, 2))
    tensors = map(ops.convert_to_tensor, (*state, kernel, recurrent_kernel, bias))
    hiddens, hidden, cell = recurrence(by_time, *tensors, compute_dtype, **options)
    return ops.transpose(hiddens, (1, 0, 2)), LSTMState(hidden, cell)


def lstm_path() -> str:
    """Say what runs the recurrence on this backend and this machine."""
    backend = keras.backend.backend()
    if backend == "torch":
        return "PyTorch's own LSTM"
    if backend != "jax":
        return "the reference, step by step"
    scan = "a scan with a gradient of its own"
    return f"cuDNN for large windows in float32, else {scan}" if lstm_cudnn.is_available() else scan


def _fast_path(shape: tuple[int, ...], compute_dtype: str, *, plain: bool) -> Callable[..., Any] | None:
    """Return what runs `inputs` of the shape `(B, T, I)` faster than the reference does, if anything.

    An LSTM that is not `plain` has options that PyTorch's own and cuDNN's lack. Both pack the weights at every call,
    which a small window does not repay.
    """
    backend, (batch_size, num_steps, _) = keras.backend.backend(), shape
    fast: Callable[..., Any] | None = None
    if backend == "jax":
        suits_cudnn = plain and compute_dtype == "float32" and lstm_cudnn.is_available()
        large = suits_cudnn and batch_size * num_steps >= lstm_cudnn.MIN_TOKENS
        fast = lstm_cudnn.lstm_recurrence if large else lstm_jax.lstm_recurrence
    elif backend == "torch" and plain and num_steps > 1:
        fast = lstm_torch.lstm_recurrence
    return fast


def lstm_reference(
    inputs: Any,
    state: LSTMState,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    cap_input_gate: bool = False,
    state_mask: Any = None,
) -> tuple[Any, LSTMState]:
    """Run the recurrence of `lstm` as its equations are written, one step at a time."""

    def step(state: tuple[Any, Any], x_t: Any) -> tuple[tuple[Any, Any], Any]:
        hidden, cell = state
        gates = x_t @ kernel + masked(hidden, state_mask) @ recurrent_kernel + bias
        hidden, cell = update_cell(gates, cell, cap_input_gate=cap_input_gate, sigmoid=ops.sigmoid)
        return (hidden, cell), hidden

    last, hiddens = ops.scan(step, tuple(state), ops.transpose(inputs, (1, 0, 2)))
    return ops.transpose(hiddens, (1, 0, 2)), LSTMState(*last)


def update_cell(
    gates: Any,
    cell: Any,
    *,
    cap_input_gate: bool,
    squash: Callable[[Any], Any] = ops.tanh,
    sigmoid: Callable[[Any], Any] = sigmoid,
) -> tuple[Any, Any]:
    """Return the next hidden state and cell `(B, H)` from the gates before their functions `(B, 4H)` and the cell."""
    i, f, g, o = ops.split(gates, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), ops.tanh(g), sigmoid(o)
    if cap_input_gate:
        i = ops.minimum(i, 1.0 - f)
    cell = f * cell + i * g
    hidden = o * squash(cell)
    return hidden, cell
