"""The loss of one cluster of an adaptive softmax, in which most rows have no part."""

from typing import Any

import keras
from keras import ops

from nextword.ops.cross_entropy import TokenLosses, linear_cross_entropy_reference


def tail_cross_entropy(
    hidden: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    compute_dtype: str = "float32",
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> TokenLosses:
    """Return the loss of `nextword.ops.cross_entropy.linear_cross_entropy`, made for rows most of which weigh nothing.

    On the fast path, chunks of rows without any weight cost nothing where a gradient is taken; so the rows that have
    weight should lie together. Losses and hits of rows without weight are not to be relied on.
    """
    if keras.backend.backend() != "jax":
        return linear_cross_entropy_reference(
            hidden, targets, weights, kernel=kernel, bias=bias, label_smoothing=label_smoothing, z_loss=z_loss
        )
    from nextword.ops import cross_entropy_jax as fast

    hidden, kernel, bias, targets, weights = map(ops.convert_to_tensor, (hidden, kernel, bias, targets, weights))
    options = fast.LossOptions(False, compute_dtype, 1.0 - label_smoothing, z_loss, skip_empty_chunks=True)
    total, *of_tokens = fast.linear_cross_entropy(hidden, kernel, bias, targets, weights, options)
    if label_smoothing:
        mean_logits = hidden @ ops.mean(kernel, axis=1) + ops.mean(bias)
        total -= label_smoothing * ops.sum(mean_logits * weights)
    return TokenLosses(total, *of_tokens)
