"""Some of the texts of a state that is made of arrays."""

from typing import Any

from nextword.engine.engine import Rows, State


def select_rows(state: State, rows: Rows, *, axis: int = 0) -> State:
    """Return nested tuples of arrays with `rows` of each array, in that order.

    Args:
        state: An array, or a tuple, plain or named, of such.
        rows: Which to take; one may be taken several times.
        axis: The axis of every array along which the texts stand.

    Raises:
        TypeError: Something in `state` is neither an array nor a tuple.

    Example:
        >>> import numpy as np
        >>> select_rows((np.array([[1], [2], [3]]), ()), np.array([2, 0, 0]))
        (array([[3],
               [1],
               [1]]), ())
    """
    if isinstance(state, tuple):
        parts = [select_rows(part, rows, axis=axis) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    if not hasattr(state, "shape"):
        raise TypeError(f"a state must be made of arrays and tuples to have its rows taken, but holds {state!r}")
    before: tuple[Any, ...] = (slice(None),) * axis
    return state[(*before, rows)]
