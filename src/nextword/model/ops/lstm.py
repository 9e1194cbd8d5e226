r"""The LSTM recurrence and its gradient: a scan with a custom gradient, and cuDNN on NVIDIA GPUs.

Three techniques make the scan fast:

- One product outside the scan covers the inputs of all time steps.
- The gradient of the recurrent kernel is one product after the backward scan, from the gate gradients of all steps.
- Products run in `compute_dtype` with float32 accumulation; gates, cell and weights stay float32.

The backward scan reads the gates, and returns their gradients, in `compute_dtype`. A sigmoid close to 1 would round to
1 and its gradient to 0. It is therefore kept as its distance from 0 or 1, whichever is nearer. For the same reason the
candidate is kept before its tanh.

cuDNN reads one vector of weights: $W^T$ and $U^T$ row by row, then two biases; the second bias is zero here. The order
of its gates is ours: $i, f, g, o$. JAX offers it only in float32, and it multiplies in full float32, without TF32.
`lstm` uses it for a plain LSTM in float32 over a large window. Tests on a CPU cover the
packing, the shapes, the gradient through them and the lowering for CUDA. This path has not run on a GPU yet.

Source: `jax.experimental.rnn`, which documents the layout of cuDNN's weights.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
from jax.experimental import rnn
from keras import ops

from nextword.model.ops.products import flat, matmul, transposed, transposed_matmul, weight_gradient
from nextword.model.ops.recurrence import sigmoid

_Arrays = tuple[jax.Array, ...]

_TINY = 1e-30  # less than every non-zero distance of a float32 sigmoid from 1, and more than the smallest bfloat16

MIN_CUDNN_TOKENS = 256
"""Tokens `B * T` of the smallest window for which cuDNN is faster, although each call packs the weights."""


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
        compute_dtype: Precision of the matrix products; everything else is float32.

    Returns:
        The hidden states `(B, T, H)`, and the state after the last step.

    Source:
        Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000).
    """
    options = {} if modulation is None else {"modulation": ops.transpose(modulation, (1, 0, 2))}
    is_for_cudnn = not options and _suits_cudnn(inputs.shape, compute_dtype)
    recurrence: Any = cudnn_recurrence if is_for_cudnn else lstm_recurrence
    by_time = ops.transpose(inputs, (1, 0, 2))
    tensors = map(ops.convert_to_tensor, (*state, kernel, recurrent_kernel, bias))
    hiddens, hidden, cell = recurrence(by_time, *tensors, compute_dtype, **options)
    return ops.transpose(hiddens, (1, 0, 2)), LSTMState(hidden, cell)


def lstm_path() -> str:
    """Return a description of the implementation that this machine uses."""
    scan = "a scan with a custom gradient"
    return f"cuDNN for large windows in float32, otherwise {scan}" if cudnn_is_available() else scan


def _suits_cudnn(shape: tuple[int, ...], compute_dtype: str) -> bool:
    """Return whether cuDNN is faster for a plain LSTM; it packs the weights in every call, too slow for few tokens."""
    is_large = shape[0] * shape[1] >= MIN_CUDNN_TOKENS
    return compute_dtype == "float32" and is_large and cudnn_is_available()


@partial(jax.jit, static_argnums=6)  # otherwise compiled at every call
def lstm_recurrence(
    inputs: jax.Array,
    hidden: jax.Array,
    cell: jax.Array,
    kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    compute_dtype: str,
    *,
    modulation: jax.Array | None = None,
) -> _Arrays:
    """Run the recurrence of `lstm` over time-major `inputs` `(T, B, I)`.

    Returns:
        The hidden states `(T, B, H)`, and the last hidden state and cell `(B, H)`.
    """
    arrays = (modulation, inputs, hidden, cell, kernel, recurrent_kernel, bias)
    outputs: _Arrays = _recurrence(compute_dtype, arrays)
    return outputs


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _recurrence(compute_dtype: str, arrays: tuple[Any, ...]) -> _Arrays:
    return _forward(compute_dtype, arrays)[0]


def _forward(compute_dtype: str, arrays: tuple[Any, ...]) -> tuple[_Arrays, tuple[Any, ...]]:
    modulation, inputs, hidden, cell, kernel, recurrent_kernel, bias = arrays
    projected = matmul(flat(inputs), kernel, compute_dtype).reshape(*inputs.shape[:2], -1)  # (T, B, 4H)
    recurrent = recurrent_kernel.astype(compute_dtype)

    def step(state: _Arrays, at_t: tuple[Any, ...]) -> tuple[_Arrays, _Arrays]:
        (hidden, cell), (projected_t, modulation_t) = state, at_t
        gates = projected_t + matmul(_read(hidden, modulation_t), recurrent, compute_dtype) + bias
        hidden, cell, (i, f, into_g, o) = update_cell(gates, cell)
        kept = (_folded(i), _folded(f), into_g, _folded(o))
        return (hidden, cell), (hidden, cell, *(array.astype(compute_dtype) for array in kept))

    last, (hiddens, cells, *kept) = jax.lax.scan(step, (hidden, cell), (projected, modulation))
    return (hiddens, *last), (modulation, inputs, hidden, cell, kernel, recurrent_kernel, hiddens, cells, *kept)


def update_cell(gates: jax.Array, cell: jax.Array) -> tuple[jax.Array, jax.Array, _Arrays]:
    """Return the next hidden state and cell `(B, H)`, and what the gradient needs of the gates.

    The pre-activations `(B, 4H)` are side by side in the order $i, f, g, o$.
    """
    i, f, into_g, o = jnp.split(gates, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(into_g), sigmoid(o)
    cell = f * cell + i * g
    hidden = o * jnp.tanh(cell)
    return hidden, cell, (i, f, into_g, o)


def _backward(compute_dtype: str, residuals: tuple[Any, ...], gradients: _Arrays) -> tuple[tuple[Any, ...]]:
    modulation, inputs, hidden, cell, kernel, recurrent_kernel, hiddens, cells, *kept = residuals
    d_hiddens, d_hidden, d_cell = gradients
    previous_cells = jnp.concatenate((cell[None], cells[:-1]))
    recurrent_transposed = transposed(recurrent_kernel, compute_dtype)

    def step(d_state: _Arrays, at_t: Any) -> tuple[_Arrays, Any]:
        d_hidden_t, modulation_t, cell_t, previous_cell, *kept = at_t
        i, f, g, o = (array.astype(jnp.float32) for array in kept)
        slope_i, slope_f, slope_o = _slope(i), _slope(f), _slope(o)
        i, f, g, o = _unfolded(i), _unfolded(f), jnp.tanh(g), _unfolded(o)
        squashed = jnp.tanh(cell_t)
        d_hidden = d_state[0] + d_hidden_t
        d_cell = d_state[1] + d_hidden * o * (1.0 - squashed * squashed)
        d_i = d_cell * g * slope_i
        d_f = d_cell * previous_cell * slope_f
        d_g = d_cell * i * (1.0 - g * g)
        d_o = d_hidden * squashed * slope_o
        d_gates = jnp.stack((d_i, d_f, d_g, d_o), axis=1).astype(compute_dtype)
        d_gates = d_gates.reshape(d_gates.shape[0], -1)  # (B, 4H)
        d_read = matmul(d_gates, recurrent_transposed, compute_dtype)
        if modulation_t is None:
            return (d_read, d_cell * f), (d_gates, None)
        return (d_read * modulation_t, d_cell * f), (d_gates, d_read)

    steps = (d_hiddens, modulation, cells, previous_cells, *kept)
    (d_hidden, d_cell), (d_gates, d_reads) = jax.lax.scan(step, (d_hidden, d_cell), steps, reverse=True)
    previous_hiddens = jnp.concatenate((hidden[None], hiddens[:-1]))
    d_modulation = None if modulation is None else d_reads * previous_hiddens
    d_gates = flat(d_gates)  # (T * B, 4H)
    d_inputs = transposed_matmul(d_gates, kernel, compute_dtype).reshape(inputs.shape)
    d_kernel = weight_gradient(flat(inputs), d_gates, compute_dtype)
    d_recurrent = weight_gradient(flat(_read(previous_hiddens, modulation)), d_gates, compute_dtype)
    d_bias = d_gates.astype(jnp.float32).sum(axis=0)
    return ((d_modulation, d_inputs, d_hidden, d_cell, d_kernel, d_recurrent, d_bias),)


def _read(hidden: jax.Array, modulation: jax.Array | None) -> jax.Array:
    """Return the hidden state that the recurrent kernel reads."""
    return hidden if modulation is None else hidden * modulation


def _folded(gate: jax.Array) -> jax.Array:
    """Return a sigmoid below one half unchanged, and otherwise minus its distance from 1."""
    return jnp.where(gate < 0.5, gate, jnp.minimum(gate - 1.0, -_TINY))  # 1 must not become 0


def _unfolded(folded: jax.Array) -> jax.Array:
    """Return the sigmoid that `_folded` encoded."""
    return jnp.where(folded < 0.0, 1.0 + folded, folded)


def _slope(folded: jax.Array) -> jax.Array:
    """Return the derivative of the sigmoid, s (1 - s)."""
    distance = jnp.abs(folded)
    return distance * (1.0 - distance)


_recurrence.defvjp(_forward, _backward)


def default_device() -> jax.Device:
    """Return the device that JAX computes on."""
    device = jax.config.jax_default_device or jax.devices()[0]
    return jax.devices(device)[0] if isinstance(device, str) else device


def cudnn_is_available() -> bool:
    """Return whether JAX's default device is an NVIDIA GPU and Keras does not distribute the batch over devices.

    XLA cannot partition a call of cuDNN.
    """
    device = default_device()
    is_nvidia = device.platform == "gpu" and "cuda" in device.client.platform_version
    return is_nvidia and keras.distribution.distribution() is None


@partial(jax.jit, static_argnums=6)
def cudnn_recurrence(
    inputs: jax.Array,
    hidden: jax.Array,
    cell: jax.Array,
    kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    _compute_dtype: str,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Run `lstm_recurrence` in cuDNN, in float32, over time-major `inputs` `(T, B, I)`.

    Returns:
        The hidden states `(T, B, H)`, and the last hidden state and cell `(B, H)`.
    """
    num_steps, batch_size, input_size = inputs.shape
    hiddens, last_hidden, last_cell = rnn.lstm(
        inputs.transpose(1, 0, 2),
        hidden[None],
        cell[None],
        packed_weights(kernel, recurrent_kernel, bias),
        jnp.full((batch_size,), num_steps, jnp.int32),
        input_size,
        hidden.shape[1],
        1,  # layer
        0.0,  # dropout
        False,  # one direction
        jax.lax.Precision.HIGHEST,
    )
    return hiddens.transpose(1, 0, 2), last_hidden[0], last_cell[0]


def packed_weights(kernel: jax.Array, recurrent_kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """Pack weights `(I, 4H)`, `(H, 4H)` and `(4H,)` into cuDNN's vector of `4H (I + H + 2)` numbers."""
    return jnp.concatenate((kernel.T.ravel(), recurrent_kernel.T.ravel(), bias, jnp.zeros_like(bias)))
