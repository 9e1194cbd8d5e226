"""How much each of several distributions should count."""

import numpy as np
from numpy.typing import NDArray

_MOST_ROUNDS = 1000
_PRECISION = 1e-6


def mixture_weights(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    r"""Return the weights `(K,)` under whose mixture the tokens of a text are most probable.

    Expectation and maximization, from equal weights: each weight becomes the mean over the tokens of the part that its
    distribution has in their probability. The likelihood is concave in the weights, so that the best are found.

    Args:
        probabilities: Of each token under each distribution `(K, N)`; no token may have none under all.

    Example:
        >>> mixture_weights(np.array([[0.5, 0.5, 0.1], [0.1, 0.1, 0.5]])).round(3).tolist()
        [0.75, 0.25]
    """
    weights = np.full(len(probabilities), 1 / len(probabilities))
    for _ in range(_MOST_ROUNDS):
        parts = weights[:, None] * probabilities
        former, weights = weights, (parts / parts.sum(axis=0)).mean(axis=1)
        if np.abs(weights - former).max() < _PRECISION:
            break
    return weights


def mean_log_prob(weights: NDArray[np.float64], probabilities: NDArray[np.floating]) -> float:
    """Return the mean log-probability of a token under a mixture of distributions, given the probabilities `(K, N)`."""
    return float(np.log(weights @ probabilities).mean())
