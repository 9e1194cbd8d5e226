"""The few largest of many numbers."""

import numpy as np
from numpy.typing import NDArray


def top_k(values: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """Return the places of the `k` largest values above zero, the largest first, of equals the earlier one.

    Example:
        >>> top_k(np.array([0.1, 0.3, 0.0, 0.3]), 3).tolist()
        [1, 3, 0]
    """
    if k < len(values):
        least = np.partition(values, len(values) - k)[len(values) - k]
        candidates = np.flatnonzero((values >= least) & (values > 0))
    else:
        candidates = np.flatnonzero(values > 0)
    return candidates[np.argsort(-values[candidates], kind="stable")[:k]]
