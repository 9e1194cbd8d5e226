"""Fused projection, softmax and loss: a reference for every Keras backend, and a fast path for JAX.

With a large vocabulary, the softmax may be over sampled candidates.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from nextword.model.ops.ranks import ranks_of

if keras.backend.backend() == "jax":
    from nextword.model.ops import cross_entropy_jax as fast


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
    skip_empty_chunks: bool = False,
) -> TokenLosses:
    r"""Return the loss of predicting `targets` with a softmax over a linear projection.

    Row $h_n$ of `hidden` has the target $y_n$ and the weight $w_n$:

    $$z_n = h_n W + b, \quad \ell_n = \log \sum_v \exp z_{nv} - z_{n y_n}, \quad \text{total} = \sum_n w_n \ell_n$$

    The fast path holds the logits and their gradient for one chunk at a time.

    Args:
        hidden: `(N, H)`.
        targets: `(N,)`, int32.
        weights: `(N,)`, without a gradient.
        kernel: $W$, `(H, V)`; the embedding matrix `(V, H)` if `tied`.
        bias: $b$, `(V,)`.
        tied: Whether `kernel` is stored transposed, like an embedding.
        compute_dtype: Precision of the matrix products on the fast path; everything else is float32.
        ranks: Whether to return the ranks of the targets; the result is then not differentiable.
        skip_empty_chunks: Whether the fast path skips chunks in which all weights are zero, if it computes gradients.
            Put the rows with weights next to each other, and ignore the losses and hits of the other rows.
    """
    if keras.backend.backend() != "jax":
        return linear_cross_entropy_reference(
            hidden, targets, weights, kernel=kernel, bias=bias, tied=tied, ranks=ranks
        )
    arrays = map(ops.convert_to_tensor, (hidden, kernel, bias, targets, weights))
    options = fast.LossOptions(tied, compute_dtype, skip_empty_chunks)
    compute = fast.token_ranks if ranks else fast.linear_cross_entropy
    return TokenLosses(*compute(fast.LossInputs(*arrays), options))


def linear_cross_entropy_reference(
    hidden: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    tied: bool = False,
    ranks: bool = False,
) -> TokenLosses:
    """Compute `linear_cross_entropy` with all logits in memory."""
    logits = hidden @ (ops.transpose(kernel) if tied else kernel) + bias
    targets = ops.cast(targets, "int32")[:, None]
    target_logits = ops.take_along_axis(logits, targets, axis=-1)
    losses = ops.logsumexp(logits, axis=-1) - target_logits[:, 0]
    hits = target_logits[:, 0] >= ops.max(logits, axis=-1)
    rank = ranks_of(logits, target_logits, targets) if ranks else None
    return TokenLosses(ops.sum(losses * weights), ops.stop_gradient(losses), hits, rank)


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

    $z_{nv}$ are the logits of `nextword.model.ops.cross_entropy.linear_cross_entropy`, and $m_v$ is the expected count
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
