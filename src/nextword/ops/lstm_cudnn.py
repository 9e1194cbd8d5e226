r"""The LSTM recurrence by cuDNN, as JAX hands it on for NVIDIA GPUs; its gradient is cuDNN's, too.

cuDNN reads one vector of weights: $W^T$ and $U^T$ row by row, then two biases, of which the second is zero here. Its
gates stand in our order $i, f, g, o$. JAX offers it in float32 alone, so that is what it computes in, whatever
`compute_dtype` asks. Asked for float32 it takes no TF32; asked for bfloat16 it may, which is the finer of the two.

What stands between us and cuDNN is tested on a CPU: the packing, the shapes, the gradient through them, and that the
whole is lowered for CUDA. On a card this path has not been run yet; `nextword.ops.lstm_choice` takes it only where it
was measured and agrees with the scan.

Source: `jax.experimental.rnn`, with the layout as found out by its authors.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax.experimental import rnn


@partial(jax.jit, static_argnums=6)
def lstm_recurrence(
    inputs: jax.Array,
    hidden: jax.Array,
    cell: jax.Array,
    kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    compute_dtype: str,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Run the recurrence of `nextword.ops.lstm.lstm` over time-major `inputs` `(T, B, I)`.

    Returns:
        The hidden states `(T, B, H)`, and the last hidden and cell `(B, H)`.
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
        jax.lax.Precision.HIGHEST if compute_dtype == "float32" else jax.lax.Precision.HIGH,
    )
    return hiddens.transpose(1, 0, 2), last_hidden[0], last_cell[0]


def packed_weights(kernel: jax.Array, recurrent_kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """Return `(I, 4H)`, `(H, 4H)` and `(4H,)` as cuDNN's vector of `4H (I + H + 2)` numbers."""
    return jnp.concatenate((kernel.T.ravel(), recurrent_kernel.T.ravel(), bias, jnp.zeros_like(bias)))
