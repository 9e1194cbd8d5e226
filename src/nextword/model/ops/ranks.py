"""Ranks of tokens by their scores."""

from typing import Any

from keras import ops


def ranks_of(scores: Any, target_scores: Any, targets: Any) -> Any:
    """Return the rank of each target `(N, 1)` among all tokens `(N,)`, int32, by scores `(N, V)`.

    The highest score has rank 1; ties go in order of id.

    Example:
        >>> ranks_of(ops.array([[0.5, 2.0, 0.5]]), ops.array([[0.5]]), ops.array([[2]])).tolist()
        [3]
    """
    tokens = ops.arange(ops.shape(scores)[-1], dtype="int32")
    ahead = ops.logical_or(scores > target_scores, ops.logical_and(scores == target_scores, tokens < targets))
    return 1 + ops.sum(ops.cast(ahead, "int32"), axis=-1)
