"""The highest of many values, found without sorting them all. Of equal values, the first counts as the higher one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def highest(values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the indices of the `count` highest values, ascending."""
    size = len(values)
    if count >= size or count <= 0:
        return np.arange(size if count > 0 else 0)
    threshold = np.partition(values, size - count)[size - count]
    chosen = values > threshold
    chosen[np.flatnonzero(values == threshold)[: count - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen)


def highest_first(values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the indices of the `count` highest values, the highest first."""
    indices = highest(values, count)
    return indices[np.argsort(-values[indices], kind="stable")]


def highest_positive(values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the indices of the `count` highest values above 0, the highest first."""
    indices = highest_first(values, count)
    return indices[values[indices] > 0]
