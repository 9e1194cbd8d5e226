"""Projection, softmax and loss in one: the reference on every Keras backend, and the choice of the fast path."""

from typing import Any, NamedTuple

import keras
from keras import ops


class TokenLosses(NamedTuple):
    """How well each target was predicted.

    Attributes:
        total: Weighted sum of the negative log-likelihoods, a scalar in nats; the gradient flows through this alone.
        negative_log_likelihood: One for each target `(N,)`, in nats.
        rank: Place of the target among all tokens, 1 the most probable `(N,)`, int32; equals stand in order of id.
    """

    total: Any
    negative_log_likelihood: Any
    rank: Any


def linear_cross_entropy(
    hidden: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    tied: bool = False,
    compute_dtype: str = "float32",
) -> TokenLosses:
    r"""Return the loss of predicting `targets` by a softmax over a linear projection.

    With the row $h_n$ of `hidden`, its target $y_n$ and its weight $w_n$:

    $$z_n = h_n W + b, \quad \ell_n = \log \sum_v \exp z_{nv} - z_{n y_n}, \quad \text{total} = \sum_n w_n \ell_n$$

    On the fast path neither the logits nor their gradient are ever held for more than some hundred rows.

    Args:
        hidden: `(N, H)`.
        targets: `(N,)`, int32.
        weights: `(N,)`; no gradient flows into them.
        kernel: $W$, `(H, V)`; the embedding matrix `(V, H)` where `tied`.
        bias: $b$, `(V,)`.
        tied: Whether `kernel` is stored transposed, as an embedding is.
        compute_dtype: Precision of the matrix products on the fast path; all else is float32.
    """
    if keras.backend.backend() == "jax":
        from nextword.ops.cross_entropy_jax import linear_cross_entropy as fast

        tensors = map(ops.convert_to_tensor, (hidden, kernel, bias, targets, weights))
        return TokenLosses(*fast(*tensors, tied, compute_dtype))
    return linear_cross_entropy_reference(hidden, targets, weights, kernel=kernel, bias=bias, tied=tied)


def linear_cross_entropy_reference(
    hidden: Any, targets: Any, weights: Any, *, kernel: Any, bias: Any, tied: bool = False
) -> TokenLosses:
    """Return the loss of `linear_cross_entropy` with all logits at once."""
    logits = hidden @ (ops.transpose(kernel) if tied else kernel) + bias
    targets = ops.cast(targets, "int32")[:, None]
    target_logits = ops.take_along_axis(logits, targets, axis=-1)
    losses = (ops.logsumexp(logits, axis=-1, keepdims=True) - target_logits)[:, 0]
    tokens = ops.arange(ops.shape(logits)[-1], dtype="int32")
    ahead = ops.logical_or(logits > target_logits, ops.logical_and(logits == target_logits, tokens < targets))
    rank = 1 + ops.sum(ops.cast(ahead, "int32"), axis=-1)
    return TokenLosses(ops.sum(losses * weights), ops.stop_gradient(losses), rank)
