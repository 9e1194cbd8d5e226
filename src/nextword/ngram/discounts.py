r"""How much is taken from a count, to be given to what was not seen (Chen and Goodman 1999, section 5.2)."""

import numpy as np
from numpy.typing import NDArray

from nextword.ngram.count_table import Integers

FALLBACK = (0.5, 1.0, 1.5)
"""The discounts of counts 1, 2 and more where a text is too short to estimate them."""


def discounts_of(counts: Integers) -> NDArray[np.float64]:
    r"""Return the discount $D_c$ of each count 0, 1, 2 and 3 or more, `(4,)`.

    With $n_c$ the number of n-grams that count $c$, and $Y = n_1 / (n_1 + 2 n_2)$,

    $$D_0 = 0, \quad D_c = c - (c + 1) \, Y \, n_{c+1} / n_c.$$

    Where some $n_c$ is zero, or a discount leaves $0 < D_c \le c$, all three are `FALLBACK`.

    Example:
        >>> discounts_of(np.array([1, 1, 1, 1, 2, 2, 3, 4])).round(3).tolist()
        [0.0, 0.5, 1.25, 1.0]
    """
    of_count = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    fallback = np.array([0.0, *FALLBACK])
    if not of_count[1:5].all():
        return fallback
    factor = of_count[1] / (of_count[1] + 2 * of_count[2])
    count = np.arange(1, 4)
    discounts = count - (count + 1) * factor * of_count[2:5] / of_count[1:4]
    if (discounts <= 0).any() or (discounts > count).any():
        return fallback
    return np.concatenate(([0.0], discounts))
