"""The loss of a mixture of softmaxes: a reference for every Keras backend, and a fast path for JAX."""

from typing import Any

import keras
from keras import ops

from nextword.model.ops.cross_entropy import TokenLosses
from nextword.model.ops.ranks import ranks_of

if keras.backend.backend() == "jax":
    from nextword.model.ops import mixture_cross_entropy_jax as fast


def mixture_cross_entropy(
    latents: Any,
    log_priors: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    tied: bool = False,
    compute_dtype: str = "float32",
    ranks: bool = False,
) -> TokenLosses:
    r"""Return the loss of predicting `targets` with a mixture of softmaxes that share their projection.

    Row $n$ has the latent vectors $z_{nk}$ `(N, K, E)`, the log-priors $\log \pi_{nk}$ of its softmaxes `(N, K)`, the
    target $y_n$ and the weight $w_n$:

    $$p_n(v) = \sum_k \pi_{nk} \, \mathrm{softmax}(z_{nk} W + b)_v, \quad \text{total} = -\sum_n w_n \log p_n(y_n)$$

    The fast path holds the logits and their gradient for one chunk of rows `(n, K, V)` at a time. All other arguments
    are those of `nextword.model.ops.cross_entropy.linear_cross_entropy`.

    Source:
        Yang, Dai, Salakhutdinov and Cohen (2018), "Breaking the softmax bottleneck", section 2.4.
    """
    if keras.backend.backend() != "jax":
        return mixture_cross_entropy_reference(
            latents, log_priors, targets, weights, kernel=kernel, bias=bias, tied=tied, ranks=ranks
        )
    tensors = map(ops.convert_to_tensor, (latents, log_priors, kernel, bias, targets, weights))
    compute = fast.mixture_ranks if ranks else fast.mixture_cross_entropy
    return TokenLosses(*compute(fast.MixtureInputs(*tensors), fast.MixtureOptions(tied, compute_dtype)))


def mixture_cross_entropy_reference(
    latents: Any,
    log_priors: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    tied: bool = False,
    ranks: bool = False,
) -> TokenLosses:
    """Compute `mixture_cross_entropy` with all logits in memory."""
    log_probs = mixture_log_probs(latents, log_priors, kernel=kernel, bias=bias, tied=tied)
    targets = ops.cast(targets, "int32")[:, None]
    target_log_probs = ops.take_along_axis(log_probs, targets, axis=-1)
    losses = -target_log_probs[:, 0]
    hits = target_log_probs[:, 0] >= ops.max(log_probs, axis=-1)
    rank = ranks_of(log_probs, target_log_probs, targets) if ranks else None
    return TokenLosses(ops.sum(losses * weights), ops.stop_gradient(losses), hits, rank)


def mixture_log_probs(latents: Any, log_priors: Any, *, kernel: Any, bias: Any, tied: bool = False) -> Any:
    r"""Return $\log p$ `(..., V)` for `latents` `(..., K, E)` and `log_priors` `(..., K)`; it holds all logits."""
    logits = ops.matmul(latents, ops.transpose(kernel) if tied else kernel) + bias
    return ops.logsumexp(log_priors[..., None] + ops.log_softmax(logits), axis=-2)
