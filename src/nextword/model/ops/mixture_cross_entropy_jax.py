r"""The loss of a mixture of softmaxes and all its gradients in JAX, chunk by chunk in one pass.

The gradient of the loss $-\log \sum_k \pi_k p_k(y)$ is the sum of the gradients of the softmaxes' losses, weighted by
their posteriors $r_k = \pi_k p_k(y) / p(y)$. The posteriors need only the logits of all softmaxes of a row. All
softmaxes of a row are therefore in one chunk, and the gradients are computed while its logits are in memory. The
techniques are those of `nextword.model.ops.cross_entropy_jax`: unnormalized exponentials, and a bias inside the
product.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nextword.model.ops.products import BIAS_ROWS, CHUNK_LOGITS, CHUNK_ROWS, bias_rows, in_chunks, matmul
from nextword.model.ops.ranks import ranks_of

_Arrays = tuple[jax.Array, ...]


class MixtureInputs(NamedTuple):
    """The arrays of `nextword.model.ops.mixture_cross_entropy.mixture_cross_entropy`."""

    latents: jax.Array
    log_priors: jax.Array
    kernel: jax.Array
    bias: jax.Array
    targets: jax.Array
    weights: jax.Array


class MixtureOptions(NamedTuple):
    """Compile-time constants of the loss; see `nextword.model.ops.mixture_cross_entropy.mixture_cross_entropy`."""

    tied: bool = False
    compute_dtype: str = "float32"


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def mixture_cross_entropy(inputs: MixtureInputs, options: MixtureOptions) -> _Arrays:
    """Return total, losses and hits; only the total has a gradient."""
    return mixture_ranks(inputs, options)[:3]


def mixture_ranks(inputs: MixtureInputs, options: MixtureOptions) -> _Arrays:
    """Return total, losses, hits and ranks; not differentiable."""
    latents, log_priors, kernel, bias, targets, weights = inputs
    project = (kernel.T if options.tied else kernel).astype(options.compute_dtype)  # (E, V)

    def score(chunk: _Arrays) -> _Arrays:
        latents, log_priors, targets = chunk
        logits = matmul(latents.reshape(-1, latents.shape[-1]), project, options.compute_dtype) + bias
        log_probs = jax.nn.log_softmax(logits).reshape(*log_priors.shape, -1)  # (rows, K, V)
        log_probs = jax.nn.logsumexp(log_priors[..., None] + log_probs, axis=1)
        target_log_probs = jnp.take_along_axis(log_probs, targets[:, None], axis=-1)
        hits = (target_log_probs >= log_probs.max(axis=-1, keepdims=True))[:, 0]
        return -target_log_probs[:, 0], hits, ranks_of(log_probs, target_log_probs, targets[:, None])

    chunks = in_chunks(latents, log_priors, targets, limit=_chunk_rows(bias.shape[0], latents.shape[1]))
    losses, hits, ranks = (rows.reshape(-1)[: targets.shape[0]] for rows in jax.lax.map(score, chunks))
    return (losses * weights).sum(), losses, hits, ranks


def _forward(inputs: MixtureInputs, options: MixtureOptions) -> tuple[_Arrays, _Arrays]:
    latents, _, kernel, _, targets, weights = inputs
    by_token = kernel if options.tied else kernel.T  # (V, E)
    losses, hits, posteriors, d_latents, d_project = _gradients(inputs._replace(kernel=by_token), options.compute_dtype)
    d_by_token, d_bias = d_project[:-BIAS_ROWS].T, d_project[-BIAS_ROWS]
    d_latents -= by_token[targets][:, None] * posteriors[..., None]
    d_by_token = d_by_token.at[targets].add(-(latents * posteriors[..., None]).sum(axis=1))
    d_bias = d_bias.at[targets].add(-weights)
    d_kernel = d_by_token if options.tied else d_by_token.T
    return ((losses * weights).sum(), losses, hits), (d_latents, -posteriors, d_kernel, d_bias)


def _backward(_options: MixtureOptions, residuals: _Arrays, gradients: _Arrays) -> tuple[MixtureInputs]:
    return (MixtureInputs._make((*(gradient * gradients[0] for gradient in residuals), None, None)),)


def _gradients(inputs: MixtureInputs, compute_dtype: str) -> _Arrays:
    """Return losses, hits, weighted posteriors $w r$, and the gradients of the log-partition.

    Those are for latents and projection, which is the kernel `(E, V)` with the rows of the bias below it.
    """
    latents, log_priors, by_token, bias, targets, weights = inputs
    num_rows, mixture_size, latent_size = latents.shape
    project = jnp.concatenate((by_token.astype(compute_dtype).T, bias_rows(bias, compute_dtype)))  # (E + 8, V)
    project_back = by_token.astype(compute_dtype)

    def score(d_project: jax.Array, chunk: _Arrays) -> tuple[jax.Array, _Arrays]:
        rows, rows_transposed, log_priors, targets, weights = chunk
        logits = matmul(rows, project, compute_dtype)  # (rows * K, V)
        largest = logits.max(axis=-1, keepdims=True)
        exponentials = jnp.exp(logits - largest)
        sums = exponentials.sum(axis=-1).reshape(log_priors.shape)
        found = jnp.take_along_axis(logits, jnp.repeat(targets, mixture_size)[:, None], axis=-1) - largest
        joint = log_priors + found.reshape(log_priors.shape) - jnp.log(sums)  # log pi_k p_k(y)
        log_probs = jax.nn.logsumexp(joint, axis=-1)
        posteriors = jnp.exp(joint - log_probs[:, None]) * weights[:, None]
        hits = _hits(exponentials.reshape(*log_priors.shape, -1), jnp.exp(log_priors) / sums, targets)
        scales = (posteriors / sums).reshape(-1)
        exponentials = exponentials.astype(compute_dtype)
        d_project += matmul(rows_transposed * scales, exponentials, compute_dtype)
        d_latents = matmul(exponentials, project_back, compute_dtype) * scales[:, None]
        return d_project, (-log_probs, hits, posteriors, d_latents)

    ones = jnp.ones((num_rows, mixture_size, BIAS_ROWS), compute_dtype)
    with_ones = jnp.concatenate((latents.astype(compute_dtype), ones), axis=-1)
    limit = _chunk_rows(bias.shape[0], mixture_size)
    rows, *others = in_chunks(with_ones, log_priors, targets, weights, limit=limit)
    rows = rows.reshape(rows.shape[0], -1, rows.shape[-1])  # (chunks, rows * K, E + 8)
    chunks = (rows, rows.transpose(0, 2, 1), *others)
    d_project, by_row = jax.lax.scan(score, jnp.zeros(project.shape, jnp.float32), chunks)
    losses, hits, posteriors, d_latents = by_row
    d_latents = d_latents.reshape(-1, mixture_size, latent_size)[:num_rows]
    losses, hits = losses.reshape(-1)[:num_rows], hits.reshape(-1)[:num_rows]
    return losses, hits, posteriors.reshape(-1, mixture_size)[:num_rows], d_latents, d_project


def _hits(exponentials: jax.Array, factors: jax.Array, targets: jax.Array) -> jax.Array:
    """Return whether no token is more probable than the target, for `(rows, K, V)` and `(rows, K)`."""
    probs = jnp.einsum("ckv,ck->cv", exponentials, factors)
    return (jnp.take_along_axis(probs, targets[:, None], axis=-1) >= probs.max(axis=-1, keepdims=True))[:, 0]


def _chunk_rows(vocabulary_size: int, mixture_size: int) -> int:
    return max(1, min(3 * CHUNK_ROWS, CHUNK_LOGITS // vocabulary_size) // mixture_size)


mixture_cross_entropy.defvjp(_forward, _backward)
