"""Projection, softmax and loss in one: the reference on every Keras backend, and the choice of the fast path."""

from typing import Any, NamedTuple

import keras
from keras import ops

from nextword.ops.ranks import ranks_of

if keras.backend.backend() == "jax":
    from nextword.ops import cross_entropy_jax as fast


class TokenLosses(NamedTuple):
    """How well each target was predicted.

    Attributes:
        total: Weighted sum of the losses, a scalar in nats; the gradient flows through this alone.
        negative_log_likelihood: One for each target `(N,)`, in nats.
        hit: Whether no other token was more probable than the target `(N,)`, boolean.
        rank: Place of the target among all tokens, 1 the most probable `(N,)`, int32; equals in order of id.
            `None` if not asked for.
    """

    total: Any
    negative_log_likelihood: Any
    hit: Any
    rank: Any = None


def linear_cross_entropy(
    hidden: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any = None,
    tied: bool = False,
    compute_dtype: str = "float32",
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    ranks: bool = False,
    skip_empty_chunks: bool = False,
) -> TokenLosses:
    r"""Return the loss of predicting `targets` by a softmax over a linear projection.

    With the row $h_n$ of `hidden`, its target $y_n$, its weight $w_n$, the label smoothing $\epsilon$ and the factor
    $\zeta$ of the z-loss:

    $$z_n = h_n W + b, \quad Z_n = \log \sum_v \exp z_{nv}, \quad \ell_n = Z_n - z_{n y_n}$$
    $$\text{total} = \sum_n w_n \Big( (1 - \epsilon) \ell_n + \frac{\epsilon}{V} \sum_v (Z_n - z_{nv})
    + \zeta Z_n^2 \Big)$$

    On the fast path neither the logits nor their gradient are ever held for more than a chunk.

    Args:
        hidden: `(N, H)`.
        targets: `(N,)`, int32.
        weights: `(N,)`; no gradient flows into them.
        kernel: $W$, `(H, V)`; the embedding matrix `(V, H)` if `tied`.
        bias: $b$, `(V,)`; none if left out.
        tied: Whether `kernel` is stored transposed, as an embedding is.
        compute_dtype: Precision of the matrix products on the fast path; all else is float32.
        label_smoothing: $\epsilon$, the share of the target's probability that is spread over all tokens.
        z_loss: $\zeta$, which keeps $\log Z_n$ near zero.
        ranks: Whether to return the targets' ranks; no gradient may be taken then.
        skip_empty_chunks: Whether the fast path leaves out chunks of rows without any weight, if a gradient is taken.
            Sort the rows that have weight together; do not rely on losses and hits of the others.

    Source:
        Label smoothing: Szegedy et al. (2016), section 7. z-loss: Chowdhery et al. (2022), section 5.
    """
    if keras.backend.backend() != "jax":
        terms = {"label_smoothing": label_smoothing, "z_loss": z_loss}
        return linear_cross_entropy_reference(
            hidden, targets, weights, kernel=kernel, bias=bias, tied=tied, ranks=ranks, **terms
        )
    hidden, kernel, targets, weights = map(ops.convert_to_tensor, (hidden, kernel, targets, weights))
    bias = ops.zeros((kernel.shape[0 if tied else 1],)) if bias is None else ops.convert_to_tensor(bias)
    options = fast.LossOptions(tied, compute_dtype, 1.0 - label_smoothing, z_loss, skip_empty_chunks)
    compute = fast.token_ranks if ranks else fast.linear_cross_entropy
    total, *of_tokens = compute(fast.LossInputs(hidden, kernel, bias, targets, weights), options)
    if label_smoothing:
        # The mean over the vocabulary of h W + b needs no logits: it is h times the mean column, plus the mean bias.
        mean_logits = hidden @ ops.mean(kernel, axis=0 if tied else 1) + ops.mean(bias)
        total -= label_smoothing * ops.sum(mean_logits * weights)
    return TokenLosses(total, *of_tokens)


def linear_cross_entropy_reference(
    hidden: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any = None,
    tied: bool = False,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    ranks: bool = False,
) -> TokenLosses:
    """Return the loss of `linear_cross_entropy` with all logits at once."""
    logits = hidden @ (ops.transpose(kernel) if tied else kernel)
    if bias is not None:
        logits = logits + bias
    log_partition = ops.logsumexp(logits, axis=-1)
    targets = ops.cast(targets, "int32")[:, None]
    target_logits = ops.take_along_axis(logits, targets, axis=-1)
    losses = log_partition - target_logits[:, 0]
    smooth_losses = log_partition - ops.mean(logits, axis=-1)
    total = (1.0 - label_smoothing) * losses + label_smoothing * smooth_losses + z_loss * log_partition**2
    hits = target_logits[:, 0] >= ops.max(logits, axis=-1)
    rank = ranks_of(logits, target_logits, targets) if ranks else None
    return TokenLosses(ops.sum(total * weights), ops.stop_gradient(losses), hits, rank)
