"""The rank of a token among all tokens."""

from typing import Any

from keras import ops


def ranks_of(scores: Any, target_scores: Any, targets: Any) -> Any:
    """Return the place of each target among all tokens `(N,)`, int32: 1 is the highest score, equals in order of id.

    Args:
        scores: Any that rise with the probability, such as logits, `(N, V)`.
        target_scores: Those of the targets `(N, 1)`.
        targets: Ids `(N, 1)`, int32.

    Example:
        >>> ranks_of(ops.array([[0.5, 2.0, 0.5]]), ops.array([[0.5]]), ops.array([[2]])).tolist()
        [3]
    """
    tokens = ops.arange(ops.shape(scores)[-1], dtype="int32")
    ahead = ops.logical_or(scores > target_scores, ops.logical_and(scores == target_scores, tokens < targets))
    return 1 + ops.sum(ops.cast(ahead, "int32"), axis=-1)
