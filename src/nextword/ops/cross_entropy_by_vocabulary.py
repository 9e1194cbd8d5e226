"""The softmax's loss and gradients with the vocabulary cut into blocks, for kernels too large to add up twice.

Two passes over the blocks: the first finds each row's partition sum, rescaling what it has whenever a larger logit
turns up; the second computes the block's logits again, and its gradients from them. Beside the gradients themselves
nothing of size `(V, H)` or `(N, V)` is held in float32.

Source:
    Milakov and Gimelshein (2018), "Online normalizer calculation for softmax".
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nextword.ops.products import matmul

_Arrays = tuple[jax.Array, ...]

_BLOCK_LOGITS = 4 * 2**20
"""Logits of all rows with the tokens of a block: 16 MiB in float32."""


def gradients_by_vocabulary(
    hidden: jax.Array,
    by_token: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    z_loss: float,
    compute_dtype: str,
) -> _Arrays:
    """Return losses, hits, log partitions, and the gradients of the partitions in hidden, kernel `(V, H)` and bias."""
    rows, kernel = hidden.astype(compute_dtype), by_token.astype(compute_dtype)
    # Both ways round, since a product that transposes one side as it goes takes twice as long.
    columns = jax.lax.optimization_barrier(kernel.T)

    def logits_of(start: Any, size: int) -> jax.Array:
        block = jax.lax.dynamic_slice_in_dim(columns, start, size, axis=1)
        return matmul(rows, block, compute_dtype) + jax.lax.dynamic_slice_in_dim(bias, start, size)

    def add_to_partition(found: _Arrays, start: Any, size: int) -> _Arrays:
        largest, sums, target_logits = found
        logits = logits_of(start, size)
        new_largest = jnp.maximum(largest, logits.max(axis=-1))
        sums = sums * jnp.exp(largest - new_largest) + jnp.exp(logits - new_largest[:, None]).sum(axis=-1)
        place = targets - start
        here = jnp.take_along_axis(logits, place.clip(0, size - 1)[:, None], axis=-1)[:, 0]
        return new_largest, sums, jnp.where((place >= 0) & (place < size), here, target_logits)

    none = jnp.full(targets.shape, -jnp.inf)
    largest, sums, target_logits = _over_blocks(add_to_partition, (none, jnp.zeros(targets.shape), none), hidden, bias)
    partitions = jnp.log(sums) + largest
    scales = weights * (1.0 + 2.0 * z_loss * partitions) / sums
    scaled = (hidden * scales[:, None]).T.astype(compute_dtype)
    scales = scales[:, None]

    def add_gradients(found: _Arrays, start: Any, size: int) -> _Arrays:
        d_hidden, d_by_token, d_bias = found
        exponentials = jnp.exp(logits_of(start, size) - largest[:, None])
        d_block_bias = (exponentials * scales).sum(axis=0)
        exponentials = exponentials.astype(compute_dtype)
        block = jax.lax.dynamic_slice_in_dim(kernel, start, size)
        d_hidden += matmul(exponentials, block, compute_dtype) * scales
        # Without the barrier XLA would ask for the product transposed, which its CPU cannot do in bfloat16.
        d_kernel = jax.lax.optimization_barrier(matmul(scaled, exponentials, compute_dtype)).T
        d_by_token = jax.lax.dynamic_update_slice_in_dim(d_by_token, d_kernel, start, 0)
        return d_hidden, d_by_token, jax.lax.dynamic_update_slice_in_dim(d_bias, d_block_bias, start, 0)

    zeros = tuple(jnp.zeros(array.shape, jnp.float32) for array in (hidden, by_token, bias))
    d_hidden, d_by_token, d_bias = _over_blocks(add_gradients, zeros, hidden, bias)
    return partitions - target_logits, target_logits >= largest, partitions, d_hidden, d_by_token, d_bias


def _over_blocks(
    visit: Callable[[_Arrays, Any, int], _Arrays], found: _Arrays, hidden: jax.Array, bias: jax.Array
) -> _Arrays:
    """Return `found` after every block of the vocabulary, the last of which may be smaller."""
    vocabulary_size = bias.shape[0]
    size = _block_tokens(hidden.shape[0], vocabulary_size)
    num_blocks, rest = divmod(vocabulary_size, size)
    found = jax.lax.fori_loop(0, num_blocks, lambda block, found: visit(found, block * size, size), found)
    return visit(found, num_blocks * size, rest) if rest else found


def _block_tokens(num_rows: int, vocabulary_size: int) -> int:
    return min(vocabulary_size, max(16, _BLOCK_LOGITS // num_rows))
