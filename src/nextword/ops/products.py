"""Matrix products in a chosen precision, laid out for the processor."""

import jax
import jax.numpy as jnp

# Products of some hundred rows run at the peak of XLA's CPU kernels; of some thousand, at two thirds of it.
CHUNK_ROWS = 448


def matmul(left: jax.Array, right: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `left @ right` in float32, multiplied in `compute_dtype`."""
    return jnp.matmul(left.astype(compute_dtype), right.astype(compute_dtype), preferred_element_type=jnp.float32)


def in_chunks(*rows: jax.Array) -> tuple[jax.Array, ...]:
    """Cut arrays of `(N, ...)` into `(num_chunks, chunk_rows, ...)` of about `CHUNK_ROWS` rows, padded with zeros."""
    num_rows = rows[0].shape[0]
    num_chunks = -(-num_rows // CHUNK_ROWS)
    chunk_rows = -(-num_rows // num_chunks)
    padding = num_chunks * chunk_rows - num_rows
    padded = (jnp.pad(array, ((0, padding),) + ((0, 0),) * (array.ndim - 1)) for array in rows)
    return tuple(array.reshape(num_chunks, chunk_rows, *array.shape[1:]) for array in padded)


def weight_gradient(inputs: jax.Array, gradients: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `inputs^T @ gradients`, the gradient of a weight, for `(N, I)` and `(N, O)` as `(I, O)`.

    XLA's CPU runs a bfloat16 product that contracts the first axis of its left operand more than twice slower than
    one of contiguous operands. The rows are therefore taken in chunks, each handed over transposed.
    """
    inputs, gradients = in_chunks(inputs.astype(compute_dtype), gradients.astype(compute_dtype))

    def accumulate(total: jax.Array, chunk: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return total + matmul(*chunk, compute_dtype), None

    total = jnp.zeros((inputs.shape[-1], gradients.shape[-1]), jnp.float32)
    return jax.lax.scan(accumulate, total, (inputs.transpose(0, 2, 1), gradients))[0]
