"""Projection, softmax, loss and all three gradients in JAX, chunk by chunk in one pass.

The gradients of a chunk are computed while its logits are in memory, so no array of size `(N, V)` is kept. This works
because only the weighted total has a gradient and its weights are known in the forward pass. The backward pass only
scales by the incoming scalar. Five techniques make it fast:

- The products use the unnormalized exponentials, `exp(z - max z)`. The denominator of the softmax and the weight of
  the row scale the other operand, which is much narrower. The gradient's term for the target is added afterwards.
- The bias is part of the product: the hidden states have additional columns of ones, and the kernel has additional
  rows for the bias. In bfloat16 the bias is a sum of three parts with the precision of float32 together. Its gradient
  needs no further work.
- The denominator needs no further work either: another row of the kernel holds ones, and its product with the
  exponentials is their sum in float32. In bfloat16 it sums the rounded exponentials, which the gradients use as well.
- The logits of a chunk fit in the last-level cache of the processor.
- For a large kernel, whose gradient is costly to accumulate, the vocabulary is cut into blocks instead of the rows.
  The logits are then computed twice.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nextword.model.ops.products import BIAS_ROWS, CHUNK_LOGITS, CHUNK_ROWS, bias_rows, in_chunks, matmul, rounded
from nextword.model.ops.ranks import ranks_of

_BLOCK_LOGITS = 4 * 2**20  # most logits of a block of the vocabulary, for all rows: 16 MiB in float32

_Arrays = tuple[jax.Array, ...]

_ONES = 3  # index of the row of ones among the additional rows of the kernel; the rows before it hold the bias
_LARGE_KERNEL = 2**26  # a kernel with more weights is cut into blocks of the vocabulary: 256 MiB in float32


class LossInputs(NamedTuple):
    """The arrays of `nextword.model.ops.cross_entropy.linear_cross_entropy`."""

    hidden: jax.Array
    kernel: jax.Array
    bias: jax.Array
    targets: jax.Array
    weights: jax.Array


class LossOptions(NamedTuple):
    """Compile-time constants of the loss; see `nextword.model.ops.cross_entropy.linear_cross_entropy`.

    With `skip_empty_chunks`, a chunk in which all weights are zero costs nothing, and its losses are zero.
    """

    tied: bool = False
    compute_dtype: str = "float32"
    skip_empty_chunks: bool = False


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def linear_cross_entropy(inputs: LossInputs, options: LossOptions) -> _Arrays:
    """Return total, losses and hits; only the total has a gradient."""
    return token_ranks(inputs, options)[:3]


def token_ranks(inputs: LossInputs, options: LossOptions) -> _Arrays:
    """Return total, losses, hits and ranks; not differentiable."""
    hidden, kernel, bias, targets, weights = inputs
    project = (kernel.T if options.tied else kernel).astype(options.compute_dtype)  # (H, V)

    def score(chunk: _Arrays) -> _Arrays:
        hidden, targets = chunk
        logits = matmul(hidden, project, options.compute_dtype) + bias
        target_logits = jnp.take_along_axis(logits, targets[:, None], axis=-1)
        hits = (target_logits >= logits.max(axis=-1, keepdims=True))[:, 0]
        ranks = ranks_of(logits, target_logits, targets[:, None])
        return jax.nn.logsumexp(logits, axis=-1) - target_logits[:, 0], hits, ranks

    chunks = in_chunks(hidden, targets, limit=_chunk_rows(bias.shape[0], CHUNK_ROWS))
    losses, hits, ranks = (rows.reshape(-1)[: hidden.shape[0]] for rows in jax.lax.map(score, chunks))
    return (losses * weights).sum(), losses, hits, ranks


def _forward(inputs: LossInputs, options: LossOptions) -> tuple[_Arrays, _Arrays]:
    hidden, kernel, _, targets, weights = inputs
    by_token = kernel if options.tied else kernel.T  # (V, H)
    compute = _gradients_by_vocabulary if kernel.size > _LARGE_KERNEL else _gradients_by_rows
    losses, hits, d_hidden, d_by_token, d_bias = compute(inputs._replace(kernel=by_token), options)
    d_hidden -= by_token[targets] * weights[:, None]
    d_by_token = d_by_token.at[targets].add(-hidden * weights[:, None])
    d_bias = d_bias.at[targets].add(-weights)
    d_kernel = d_by_token if options.tied else d_by_token.T
    return ((losses * weights).sum(), losses, hits), (d_hidden, d_kernel, d_bias)


def _backward(_options: LossOptions, residuals: _Arrays, gradients: _Arrays) -> tuple[LossInputs]:
    return (LossInputs._make((*(gradient * gradients[0] for gradient in residuals), None, None)),)


def _gradients_by_vocabulary(inputs: LossInputs, options: LossOptions) -> _Arrays:
    """Return losses, hits, and the gradients of the log-partition for hidden, kernel `(V, H)` and bias."""
    hidden, by_token, bias, targets, weights = inputs
    compute_dtype = options.compute_dtype
    rows, kernel = hidden.astype(compute_dtype), by_token.astype(compute_dtype)
    # Keep the kernel in both layouts: a product that transposes an operand takes twice as long.
    columns = jax.lax.optimization_barrier(kernel.T)

    def logits_of(start: Any, size: int) -> jax.Array:
        block = jax.lax.dynamic_slice_in_dim(columns, start, size, axis=1)
        return matmul(rows, block, compute_dtype) + jax.lax.dynamic_slice_in_dim(bias, start, size)

    def add_to_sums(found: _Arrays, start: Any, size: int) -> _Arrays:
        largest, sums, target_logits = found
        logits = logits_of(start, size)
        new_largest = jnp.maximum(largest, logits.max(axis=-1))
        sums = sums * jnp.exp(largest - new_largest) + jnp.exp(logits - new_largest[:, None]).sum(axis=-1)
        place = targets - start
        here = jnp.take_along_axis(logits, place.clip(0, size - 1)[:, None], axis=-1)[:, 0]
        return new_largest, sums, jnp.where((place >= 0) & (place < size), here, target_logits)

    none = jnp.full(targets.shape, -jnp.inf)
    largest, sums, target_logits = _over_blocks(add_to_sums, (none, jnp.zeros(targets.shape), none), hidden, bias)
    scales = (weights / sums)[:, None]
    scaled = (hidden * scales).T.astype(compute_dtype)

    def add_gradients(found: _Arrays, start: Any, size: int) -> _Arrays:
        d_hidden, d_by_token, d_bias = found
        exponentials = jnp.exp(logits_of(start, size) - largest[:, None])
        d_block_bias = (exponentials * scales).sum(axis=0)
        exponentials = exponentials.astype(compute_dtype)
        block = jax.lax.dynamic_slice_in_dim(kernel, start, size)
        d_hidden += matmul(exponentials, block, compute_dtype) * scales
        # Without the barrier XLA requests the transposed product, which its CPU backend lacks in bfloat16.
        d_kernel = jax.lax.optimization_barrier(matmul(scaled, exponentials, compute_dtype)).T
        d_by_token = jax.lax.dynamic_update_slice_in_dim(d_by_token, d_kernel, start, 0)
        return d_hidden, d_by_token, jax.lax.dynamic_update_slice_in_dim(d_bias, d_block_bias, start, 0)

    zeros = tuple(jnp.zeros(array.shape, jnp.float32) for array in (hidden, by_token, bias))
    d_hidden, d_by_token, d_bias = _over_blocks(add_gradients, zeros, hidden, bias)
    return jnp.log(sums) + largest - target_logits, target_logits >= largest, d_hidden, d_by_token, d_bias


def _over_blocks(
    visit: Callable[[_Arrays, Any, int], _Arrays], found: _Arrays, hidden: jax.Array, bias: jax.Array
) -> _Arrays:
    """Apply `visit` to every block of the vocabulary and return the result; the last block may be smaller."""
    vocabulary_size = bias.shape[0]
    size = _block_tokens(hidden.shape[0], vocabulary_size)
    num_blocks, rest = divmod(vocabulary_size, size)
    found = jax.lax.fori_loop(0, num_blocks, lambda block, found: visit(found, block * size, size), found)
    return visit(found, num_blocks * size, rest) if rest else found


def _block_tokens(num_rows: int, vocabulary_size: int) -> int:
    return min(vocabulary_size, max(16, _BLOCK_LOGITS // num_rows))


def _gradients_by_rows(inputs: LossInputs, options: LossOptions) -> _Arrays:
    """Return losses, hits, and the gradients of the log-partition for hidden, kernel `(V, H)` and bias."""
    hidden, by_token, bias, targets, weights = inputs
    compute_dtype, (num_rows, hidden_size) = options.compute_dtype, hidden.shape
    columns = bias_rows(bias, compute_dtype).at[_ONES].set(1.0).T
    project_back = jnp.concatenate((by_token.astype(compute_dtype), columns), axis=1)  # (V, H + 8)
    # Concatenate first, then transpose: in the other order XLA's CPU backend takes ten times as long.
    project = project_back.T

    def score(d_project: jax.Array, chunk: _Arrays) -> tuple[jax.Array, _Arrays]:
        hidden, hidden_transposed, targets, weights = chunk
        logits = matmul(hidden, project, compute_dtype)
        largest = logits.max(axis=-1, keepdims=True)
        exponentials = rounded(jnp.exp(logits - largest), compute_dtype)
        back = matmul(exponentials, project_back, compute_dtype)
        sums = back[:, hidden_size + _ONES]
        target_logits = jnp.take_along_axis(logits, targets[:, None], axis=-1)
        scales = weights / sums
        d_project += matmul(hidden_transposed * scales, exponentials, compute_dtype)
        d_hidden = back[:, :hidden_size] * scales[:, None]
        losses = jnp.log(sums) + largest[:, 0] - target_logits[:, 0]
        return d_project, (losses, (target_logits >= largest)[:, 0], d_hidden)

    limit = _chunk_rows(bias.shape[0], 3 * CHUNK_ROWS)
    ones = jnp.ones((num_rows, _ONES), compute_dtype)
    with_ones = jnp.pad(jnp.concatenate((hidden.astype(compute_dtype), ones), axis=1), ((0, 0), (0, BIAS_ROWS - _ONES)))
    hidden_chunks, *others = in_chunks(with_ones, targets, weights, limit=limit)
    chunks = (hidden_chunks, hidden_chunks.transpose(0, 2, 1), *others)
    visit = _skipping_empty(score) if options.skip_empty_chunks else score
    d_project, by_row = jax.lax.scan(visit, jnp.zeros(project.shape, jnp.float32), chunks)
    losses, hits, d_hidden = (rows.reshape(-1, *rows.shape[2:])[:num_rows] for rows in by_row)
    return losses, hits, d_hidden, d_project[:hidden_size].T, d_project[hidden_size]


def _skipping_empty(
    score: Callable[[jax.Array, _Arrays], tuple[jax.Array, _Arrays]],
) -> Callable[[jax.Array, _Arrays], tuple[jax.Array, _Arrays]]:
    """Return `score`, but with zeros at no cost for a chunk in which all weights are zero."""

    def skip(d_project: jax.Array, chunk: _Arrays) -> tuple[jax.Array, _Arrays]:
        _, shapes = jax.eval_shape(score, d_project, chunk)
        return d_project, tuple(jnp.zeros(rows.shape, rows.dtype) for rows in shapes)

    return lambda d_project, chunk: jax.lax.cond(jnp.any(chunk[-1] != 0), score, skip, d_project, chunk)


def _chunk_rows(vocabulary_size: int, most: int) -> int:
    return max(64, min(most, CHUNK_LOGITS // vocabulary_size))


linear_cross_entropy.defvjp(_forward, _backward)
