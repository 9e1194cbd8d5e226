r"""The LSTM recurrence and its gradient in cuDNN, which JAX offers for NVIDIA GPUs.

cuDNN reads one vector of weights: $W^T$ and $U^T$ row by row, then two biases; the second bias is zero here. The order
of its gates is ours: $i, f, g, o$. JAX offers it only in float32, and it multiplies in full float32, without TF32.
`nextword.model.ops.lstm.lstm` uses it for a plain LSTM in float32 over a large window.

Tests on a CPU cover the packing, the shapes, the gradient through them and the lowering for CUDA. This path has not
run on a GPU yet.

Source: `jax.experimental.rnn`, which documents the layout.
"""

from functools import partial

import jax
import jax.numpy as jnp
import keras
from jax.experimental import rnn

MIN_TOKENS = 256
"""Tokens `B * T` of the smallest window for which cuDNN is faster, although each call packs the weights."""


def default_device() -> jax.Device:
    """Return the device that JAX computes on."""
    device = jax.config.jax_default_device or jax.devices()[0]
    return jax.devices(device)[0] if isinstance(device, str) else device


def is_available() -> bool:
    """Return whether JAX's default device is an NVIDIA GPU and Keras does not distribute the batch over devices.

    XLA cannot partition a call of cuDNN.
    """
    device = default_device()
    is_nvidia = device.platform == "gpu" and "cuda" in device.client.platform_version
    return is_nvidia and keras.distribution.distribution() is None


@partial(jax.jit, static_argnums=6)
def lstm_recurrence(
    inputs: jax.Array,
    hidden: jax.Array,
    cell: jax.Array,
    kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    _compute_dtype: str,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Run the recurrence of `nextword.model.ops.lstm.lstm` in float32 over time-major `inputs` `(T, B, I)`.

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
