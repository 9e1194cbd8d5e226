"""Fused projection, softmax and loss. With a large vocabulary, the softmax may be over sampled candidates.

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
from keras import ops

from nextword.model.ops.products import BIAS_ROWS, CHUNK_LOGITS, CHUNK_ROWS, bias_rows, in_chunks, matmul, rounded

_BLOCK_LOGITS = 4 * 2**20  # most logits of a block of the vocabulary, for all rows: 16 MiB in float32

_Arrays = tuple[jax.Array, ...]

_ONES = 3  # index of the row of ones among the additional rows of the kernel; the rows before it hold the bias
_LARGE_KERNEL = 2**26  # a kernel with more weights is cut into blocks of the vocabulary: 256 MiB in float32


class TokenLosses(NamedTuple):
    """How well each target was predicted."""

    total: Any  # weighted sum of the losses in nats, a scalar. Only this attribute has a gradient
    negative_log_likelihood: Any  # loss of each target `(N,)`, in nats
    hit: Any  # whether no token is more probable than the target `(N,)`, boolean
    rank: Any = None  # rank of the target among all tokens `(N,)`, int32; 1 is the most probable, ties go by id


def linear_cross_entropy(
    hidden: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    tied: bool = False,
    compute_dtype: str = "float32",
    ranks: bool = False,
) -> TokenLosses:
    r"""Return the loss of predicting `targets` with a softmax over a linear projection.

    Row $h_n$ of `hidden` has the target $y_n$ and the weight $w_n$:

    $$z_n = h_n W + b, \quad \ell_n = \log \sum_v \exp z_{nv} - z_{n y_n}, \quad \text{total} = \sum_n w_n \ell_n$$

    It holds the logits and their gradient for one chunk at a time.

    Args:
        hidden: `(N, H)`.
        targets: `(N,)`, int32.
        weights: `(N,)`, without a gradient.
        kernel: $W$, `(H, V)`; the embedding matrix `(V, H)` if `tied`.
        bias: $b$, `(V,)`.
        tied: Whether `kernel` is stored transposed, like an embedding.
        compute_dtype: Precision of the matrix products; everything else is float32.
        ranks: Whether to return the ranks of the targets; the result is then not differentiable.
    """
    arrays = map(ops.convert_to_tensor, (hidden, kernel, bias, targets, weights))
    options = LossOptions(tied, compute_dtype)
    return TokenLosses(*(_ranks if ranks else _losses)(LossInputs(*arrays), options))


class Candidates(NamedTuple):
    """The `C` tokens in the softmax of a training step."""

    ids: Any  # ids of the candidates `(C,)`, int32; an id may occur more than once
    log_weights: Any  # added to the logits `(C,)`: minus the log of a candidate's expected count
    places: Any  # index of each target among the candidates `(N,)`, int32


def sampled_cross_entropy(
    hidden: Any,
    candidates: Candidates,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    tied: bool = False,
    compute_dtype: str = "float32",
) -> TokenLosses:
    r"""Return the loss of the targets, `candidates.places`, with a softmax over the candidates.

    $z_{nv}$ are the logits of `linear_cross_entropy`, and $m_v$ is the expected count
    of token $v$ among the candidates $C$. The estimate of the softmax's denominator is unbiased:

    $$\sum_v \exp z_{nv} \approx \sum_{v \in C} \exp(z_{nv} - \log m_v)$$

    Losses and hits are those among the candidates. All other arguments are those of `linear_cross_entropy`.

    Source:
        Bengio and Senecal (2008); Jean et al. (2015), section 3.
    """
    return linear_cross_entropy(
        hidden,
        candidates.places,
        weights,
        kernel=ops.take(kernel, candidates.ids, axis=0 if tied else 1),
        bias=ops.take(bias, candidates.ids) + candidates.log_weights,
        tied=tied,
        compute_dtype=compute_dtype,
    )


class LossInputs(NamedTuple):
    """The arrays of `linear_cross_entropy`."""

    hidden: jax.Array
    kernel: jax.Array
    bias: jax.Array
    targets: jax.Array
    weights: jax.Array


class LossOptions(NamedTuple):
    """Compile-time constants of the loss; see `linear_cross_entropy`."""

    tied: bool = False
    compute_dtype: str = "float32"


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _losses(inputs: LossInputs, options: LossOptions) -> _Arrays:
    """Return total, losses and hits; only the total has a gradient."""
    return _ranks(inputs, options)[:3]


def _ranks(inputs: LossInputs, options: LossOptions) -> _Arrays:
    """Return total, losses, hits and ranks; not differentiable."""
    hidden, kernel, bias, targets, weights = inputs
    project = (kernel.T if options.tied else kernel).astype(options.compute_dtype)  # (H, V)

    def score(chunk: _Arrays) -> _Arrays:
        hidden, targets = chunk
        logits = matmul(hidden, project, options.compute_dtype) + bias
        target_logits = jnp.take_along_axis(logits, targets[:, None], axis=-1)
        hits = (target_logits >= logits.max(axis=-1, keepdims=True))[:, 0]
        ranks = _ranks_of(logits, target_logits, targets[:, None])
        return jax.nn.logsumexp(logits, axis=-1) - target_logits[:, 0], hits, ranks

    chunks = in_chunks(hidden, targets, limit=_chunk_rows(bias.shape[0], CHUNK_ROWS))
    losses, hits, ranks = (rows.reshape(-1)[: hidden.shape[0]] for rows in jax.lax.map(score, chunks))
    return (losses * weights).sum(), losses, hits, ranks


def _ranks_of(scores: jax.Array, target_scores: jax.Array, targets: jax.Array) -> jax.Array:
    """Return the rank of each target `(N, 1)` among all tokens `(N,)`, int32, by scores `(N, V)`.

    The highest score has rank 1; ties go in order of id.
    """
    tokens = jnp.arange(scores.shape[-1], dtype="int32")
    ahead = (scores > target_scores) | ((scores == target_scores) & (tokens < targets))
    return 1 + ahead.sum(axis=-1, dtype="int32")


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
    d_project, by_row = jax.lax.scan(score, jnp.zeros(project.shape, jnp.float32), chunks)
    losses, hits, d_hidden = (rows.reshape(-1, *rows.shape[2:])[:num_rows] for rows in by_row)
    return losses, hits, d_hidden, d_project[:hidden_size].T, d_project[hidden_size]


def _chunk_rows(vocabulary_size: int, most: int) -> int:
    return max(64, min(most, CHUNK_LOGITS // vocabulary_size))


_losses.defvjp(_forward, _backward)
