"""Matrix products in a given precision, with memory layouts that suit the processor.

XLA's CPU backend runs a bfloat16 product at the processor's peak if both operands are contiguous in the order it reads
them. If one is transposed, XLA folds the transpose into the product, which then runs at less than half of the peak. In
a scan over chunks, XLA cannot fold it and transposes once instead. On a processor with AMX, larger chunks are faster.
"""

from functools import cache

import jax
import jax.numpy as jnp

from nextword.system.processor import read_processor

# Products of a few hundred rows run at the peak of XLA's CPU kernels; of a few thousand rows, at two thirds of it.
CHUNK_ROWS = 448

# With AMX the product is fast: cutting the rows and adding the parts would cost a tenth of a training step.
_AMX_CHUNK_ROWS = 1280

CHUNK_LOGITS = 12 * 2**20
"""Most logits of a chunk: 48 MiB in float32; a last-level cache holds most of them."""

BIAS_ROWS = 8
"""Additional rows of a kernel for its bias: three are used; a multiple of eight keeps the product fast."""


def matmul(left: jax.Array, right: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `left @ right` as float32, multiplied in `compute_dtype`."""
    # A GPU would otherwise multiply float32 in TF32, which has the precision of float16.
    precision = jax.lax.Precision.HIGHEST if compute_dtype == "float32" else None
    left, right = left.astype(compute_dtype), right.astype(compute_dtype)
    return jnp.matmul(left, right, precision=precision, preferred_element_type=jnp.float32)


def rounded(array: jax.Array, compute_dtype: str) -> jax.Array:
    """Convert a float32 array to `compute_dtype`, with the rounding of `astype`; not differentiable.

    XLA's CPU backend does not vectorize an operation that it fuses with a conversion to bfloat16: an exponential then
    takes four times as long. It does vectorize operations on integers.
    """
    if compute_dtype != "bfloat16" or array.dtype != jnp.float32:
        return array.astype(compute_dtype)
    bits = jax.lax.bitcast_convert_type(array, jnp.uint32)
    upper_half = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16  # ties to even
    return jax.lax.bitcast_convert_type(upper_half.astype(jnp.uint16), jnp.bfloat16)


def max_chunk_rows(compute_dtype: str) -> int:
    """Return the largest chunk of rows for which the products of a gradient are fast on this processor."""
    return _AMX_CHUNK_ROWS if compute_dtype == "bfloat16" and has_amx() else CHUNK_ROWS


@cache
def has_amx() -> bool:
    """Return whether the processor has AMX instructions for bfloat16."""
    return read_processor().features.get("AMX-BF16", False)


def flat(steps: jax.Array) -> jax.Array:
    """Reshape an array `(..., I)` to rows `(N, I)`."""
    return steps.reshape(-1, steps.shape[-1])


def in_chunks(*rows: jax.Array, limit: int) -> tuple[jax.Array, ...]:
    """Cut arrays `(N, ...)` into even chunks `(num_chunks, chunk_rows, ...)` of at most `limit` rows, zero-padded."""
    num_rows = rows[0].shape[0]
    num_chunks = -(-num_rows // limit)
    chunk_rows = -(-num_rows // num_chunks)
    padding = num_chunks * chunk_rows - num_rows
    padded = (jnp.pad(array, ((0, padding),) + ((0, 0),) * (array.ndim - 1)) for array in rows)
    return tuple(array.reshape(num_chunks, chunk_rows, *array.shape[1:]) for array in padded)


def transposed_matmul(rows: jax.Array, kernel: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `rows @ kernel^T` `(N, I)` for `(N, O)` and `(I, O)`: the gradient of a product's input."""
    (chunks,) = in_chunks(rows.astype(compute_dtype), limit=max_chunk_rows(compute_dtype))
    by_output = transposed(kernel, compute_dtype)
    products = jax.lax.map(lambda chunk: matmul(chunk, by_output, compute_dtype), chunks)
    return products.reshape(-1, kernel.shape[0])[: rows.shape[0]]


def transposed(kernel: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `kernel^T` in `compute_dtype`, contiguous in memory."""
    # With the sum, XLA's CPU backend transposes and converts in one pass, instead of copy, transpose and copy.
    return kernel.T.astype(compute_dtype) + jnp.zeros((), compute_dtype)


def weight_gradient(inputs: jax.Array, gradients: jax.Array, compute_dtype: str) -> jax.Array:
    """Return `inputs^T @ gradients` `(I, O)` for `(N, I)` and `(N, O)`: the gradient of a weight."""
    rows = inputs.astype(compute_dtype), gradients.astype(compute_dtype)
    inputs, gradients = in_chunks(*rows, limit=max_chunk_rows(compute_dtype))

    def accumulate(total: jax.Array, chunk: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return total + matmul(*chunk, compute_dtype), None

    total = jnp.zeros((inputs.shape[-1], gradients.shape[-1]), jnp.float32)
    return jax.lax.scan(accumulate, total, (inputs.transpose(0, 2, 1), gradients))[0]


def bias_rows(bias: jax.Array, compute_dtype: str) -> jax.Array:
    """Return rows `(BIAS_ROWS, V)` in `compute_dtype` whose sum is the bias `(V,)`.

    Add them below a kernel and as many columns of ones to its inputs, and the product includes the bias.
    """
    parts, rest = [], bias
    for _ in range(3):
        parts.append(rest.astype(compute_dtype))
        rest = rest - parts[-1].astype(bias.dtype)
    return jnp.pad(jnp.stack(parts), ((0, BIAS_ROWS - 3), (0, 0)))
