"""Matrix products in a chosen precision, laid out for the processor.

XLA's CPU runs a bfloat16 product at the processor's peak if both operands are laid out as they are read, and at less
than half of it if one is transposed, since it folds the transposition into the product. Inside a scan over chunks it
cannot, and transposes once instead: hence the chunks. On a processor with AMX, that no longer pays.
"""

from functools import cache

import jax
import jax.numpy as jnp

from nextword.machine.processor import read_processor

# Products of some hundred rows run at the peak of XLA's CPU kernels; of some thousand, at two thirds of it.
CHUNK_ROWS = 448

# With AMX the product itself is short: to cut the rows and add up the parts costs a tenth of a training step.
_AMX_CHUNK_ROWS = 1280

CHUNK_LOGITS = 12 * 2**20
"""Logits of a chunk: 48 MiB in float32, of which a last cache holds the better part."""

BIAS_ROWS = 8
"""Rows of a kernel that hold its bias; three are needed, and a multiple of eight keeps the product fast."""


def matmul(left: jax.Array, right: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `left @ right` in float32, multiplied in `compute_dtype`."""
    # A GPU would otherwise multiply float32 in TF32, which has no more digits than float16.
    precision = jax.lax.Precision.HIGHEST if compute_dtype == "float32" else None
    left, right = left.astype(compute_dtype), right.astype(compute_dtype)
    return jnp.matmul(left, right, precision=precision, preferred_element_type=jnp.float32)


def rounded(array: jax.Array, compute_dtype: str) -> jax.Array:
    """Return a float32 array in `compute_dtype`, rounded to the nearest, as `astype` does.

    XLA's CPU computes one number at a time what it fuses with a conversion to bfloat16: an exponential then takes four
    times as long. Integers it computes side by side. No gradient is to be taken of this.
    """
    if compute_dtype != "bfloat16" or array.dtype != jnp.float32:
        return array.astype(compute_dtype)
    bits = jax.lax.bitcast_convert_type(array, jnp.uint32)
    upper_half = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16  # ties to even
    return jax.lax.bitcast_convert_type(upper_half.astype(jnp.uint16), jnp.bfloat16)


def most_rows(compute_dtype: str) -> int:
    """Return how many rows the products of a gradient are best cut into on this processor."""
    return _AMX_CHUNK_ROWS if compute_dtype == "bfloat16" and has_amx() else CHUNK_ROWS


@cache
def has_amx() -> bool:
    """Return whether the processor multiplies matrices of bfloat16 in tiles."""
    return read_processor().features.get("AMX-BF16", False)


def flat(steps: jax.Array) -> jax.Array:
    """Return the rows `(N, I)` of an array `(..., I)`."""
    return steps.reshape(-1, steps.shape[-1])


def in_chunks(*rows: jax.Array, limit: int) -> tuple[jax.Array, ...]:
    """Cut arrays of `(N, ...)` into `(num_chunks, chunk_rows, ...)` of at most `limit` rows, padded with zeros.

    The chunks are as even as can be.
    """
    num_rows = rows[0].shape[0]
    num_chunks = -(-num_rows // limit)
    chunk_rows = -(-num_rows // num_chunks)
    padding = num_chunks * chunk_rows - num_rows
    padded = (jnp.pad(array, ((0, padding),) + ((0, 0),) * (array.ndim - 1)) for array in rows)
    return tuple(array.reshape(num_chunks, chunk_rows, *array.shape[1:]) for array in padded)


def transposed_matmul(rows: jax.Array, kernel: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `rows @ kernel^T`, the gradient of a product's input, for `(N, O)` and `(I, O)` as `(N, I)`."""
    (chunks,) = in_chunks(rows.astype(compute_dtype), limit=most_rows(compute_dtype))
    by_output = transposed(kernel, compute_dtype)
    products = jax.lax.map(lambda chunk: matmul(chunk, by_output, compute_dtype), chunks)
    return products.reshape(-1, kernel.shape[0])[: rows.shape[0]]


def transposed(kernel: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `kernel^T` in `compute_dtype`, lying in memory as it is read."""
    # The sum makes XLA's CPU transpose and convert in one pass, where it would copy, transpose and copy again.
    return kernel.T.astype(compute_dtype) + jnp.zeros((), compute_dtype)


def weight_gradient(inputs: jax.Array, gradients: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `inputs^T @ gradients`, the gradient of a weight, for `(N, I)` and `(N, O)` as `(I, O)`."""
    rows = inputs.astype(compute_dtype), gradients.astype(compute_dtype)
    inputs, gradients = in_chunks(*rows, limit=most_rows(compute_dtype))

    def accumulate(total: jax.Array, chunk: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return total + matmul(*chunk, compute_dtype), None

    total = jnp.zeros((inputs.shape[-1], gradients.shape[-1]), jnp.float32)
    return jax.lax.scan(accumulate, total, (inputs.transpose(0, 2, 1), gradients))[0]


def bias_rows(bias: jax.Array, compute_dtype: str) -> jax.Array:
    """Return rows of `compute_dtype` that add up to the bias `(V,)`, `(BIAS_ROWS, V)`.

    Below a kernel, and with as many columns of ones beside its inputs, they make the bias part of the product.
    """
    parts, rest = [], bias
    for _ in range(3):
        parts.append(rest.astype(compute_dtype))
        rest = rest - parts[-1].astype(bias.dtype)
    return jnp.pad(jnp.stack(parts), ((0, BIAS_ROWS - 3), (0, 0)))
