"""Projection, softmax, loss and all three gradients in JAX, chunk by chunk in one pass.

While a chunk's logits are at hand, its gradients are computed with them, so that nothing of size `(N, V)` outlives
a chunk and no product is done twice. This works because the only gradient asked for is that of the weighted total,
whose weights are known beforehand: the backward pass has only to scale by the incoming scalar.
"""

from functools import partial

import jax
import jax.numpy as jnp

from nextword.ops.products import in_chunks, matmul

_Arrays = tuple[jax.Array, ...]


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def linear_cross_entropy(
    hidden: jax.Array,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    tied: bool,
    compute_dtype: str,
) -> _Arrays:
    """Return total, losses and ranks as `nextword.ops.cross_entropy.linear_cross_entropy` defines them."""
    project = (kernel.T if tied else kernel).astype(compute_dtype)  # (H, V)

    def score(_: None, chunk: _Arrays) -> tuple[None, _Arrays]:
        hidden, targets = chunk
        return None, _score(hidden, targets, project, bias, compute_dtype)[:2]

    _, (losses, ranks) = jax.lax.scan(score, None, in_chunks(hidden, targets))
    return _collect(losses, ranks, weights)


def _forward(
    hidden: jax.Array,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    tied: bool,
    compute_dtype: str,
) -> tuple[_Arrays, _Arrays]:
    project = (kernel.T if tied else kernel).astype(compute_dtype)  # (H, V)
    project_back = (kernel if tied else kernel.T).astype(compute_dtype)  # (V, H)
    tokens = jnp.arange(bias.shape[0], dtype=targets.dtype)

    def score(totals: _Arrays, chunk: _Arrays) -> tuple[_Arrays, _Arrays]:
        hidden, hidden_transposed, targets, weights = chunk
        losses, ranks, exponentials, sums = _score(hidden, targets, project, bias, compute_dtype)
        d_logits = exponentials * (weights / sums)[:, None]
        d_logits -= jnp.where(tokens == targets[:, None], weights[:, None], 0.0)
        d_logits = d_logits.astype(compute_dtype)
        d_kernel = totals[0] + matmul(hidden_transposed, d_logits, compute_dtype)  # (H, V), however it is stored
        d_bias = totals[1] + d_logits.astype(jnp.float32).sum(axis=0)
        return (d_kernel, d_bias), (losses, ranks, matmul(d_logits, project_back, compute_dtype))

    hidden_chunks, *others = in_chunks(hidden.astype(compute_dtype), targets, weights)
    chunks = (hidden_chunks, hidden_chunks.transpose(0, 2, 1), *others)
    totals = (jnp.zeros(project.shape, jnp.float32), jnp.zeros(bias.shape, jnp.float32))
    (d_kernel, d_bias), (losses, ranks, d_hidden) = jax.lax.scan(score, totals, chunks)
    d_hidden = d_hidden.reshape(-1, hidden.shape[1])[: hidden.shape[0]]
    return _collect(losses, ranks, weights), (d_hidden, d_kernel, d_bias)


def _backward(tied: bool, _compute_dtype: str, residuals: _Arrays, gradients: _Arrays) -> tuple[jax.Array | None, ...]:
    d_hidden, d_kernel, d_bias = residuals
    scale = gradients[0]
    return d_hidden * scale, (d_kernel.T if tied else d_kernel) * scale, d_bias * scale, None, None


def _score(
    hidden: jax.Array, targets: jax.Array, project: jax.Array, bias: jax.Array, compute_dtype: str
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return losses, ranks, and the exponentials of a softmax with their sums, for one chunk."""
    logits = matmul(hidden, project, compute_dtype) + bias
    largest = logits.max(axis=-1, keepdims=True)
    exponentials = jnp.exp(logits - largest)
    sums = exponentials.sum(axis=-1)
    target_logits = jnp.take_along_axis(logits, targets[:, None], axis=-1)
    tokens = jnp.arange(logits.shape[-1], dtype=targets.dtype)
    ahead = (logits > target_logits) | ((logits == target_logits) & (tokens < targets[:, None]))
    losses = jnp.log(sums) + (largest - target_logits)[:, 0]
    return losses, 1 + ahead.sum(axis=-1, dtype=jnp.int32), exponentials, sums


def _collect(losses: jax.Array, ranks: jax.Array, weights: jax.Array) -> _Arrays:
    losses = losses.reshape(-1)[: weights.shape[0]]
    return (losses * weights).sum(), losses, ranks.reshape(-1)[: weights.shape[0]]


linear_cross_entropy.defvjp(_forward, _backward)
