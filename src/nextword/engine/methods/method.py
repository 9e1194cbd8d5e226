"""The interface of a method after training: a name, settings, and an engine around an inner engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.settings import Settings
from nextword.text.batching.window import TokenIds

_MAX_ROUNDS = 1000
_PRECISION = 1e-6


@dataclass(frozen=True)
class Splits:
    """The splits that a method may read, loaded on demand; the evaluated split is not among them.

    Attributes:
        train: Returns the ids of the training split.
        valid: Returns the ids of the validation split, to tune settings on.
    """

    train: Callable[[], TokenIds]
    valid: Callable[[], TokenIds]


class AppliedMethod[Options: Settings](NamedTuple):
    """A method applied to an engine.

    Attributes:
        engine: The outer engine.
        options: The settings, including tuned values.
    """

    engine: Engine
    options: Options


class Method[Options: Settings](ABC):
    """Base class of a method that changes the predictions of a model, but not its stored weights.

    Attributes:
        name: Name of the method.
        options_type: Class of its settings.
        tunable: Names of the settings that can be tuned on the validation split.
        is_innermost: Whether it must be applied to the model itself: to each member of an ensemble.
        learns: Whether it learns from the text that it reads; then the score of a line depends on earlier lines.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[Settings]]
    tunable: ClassVar[tuple[str, ...]] = ()
    is_innermost: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    @abstractmethod
    def apply(
        self, engine: Engine, options: Options, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[Options]:
        """Return an engine around `engine`.

        Args:
            engine: The inner engine.
            options: The settings.
            splits: The splits that the method may read.
            to_tune: Names of the settings to tune on the validation split first.

        Raises:
            SettingError: The method does not work with this engine.
        """


def mixture_weights(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    r"""Return the mixture weights `(K,)` that maximize the probability of the tokens of a text.

    Expectation maximization, starting from equal weights: each weight becomes the mean responsibility of its
    distribution over the tokens. The log-likelihood is concave in the weights, so this finds the maximum.

    Args:
        probabilities: Probability of each token under each distribution `(K, N)`; at least one must be above 0.

    Example:
        >>> mixture_weights(np.array([[0.5, 0.5, 0.1], [0.1, 0.1, 0.5]])).round(3).tolist()
        [0.75, 0.25]
    """
    weights = np.full(len(probabilities), 1 / len(probabilities))
    for _ in range(_MAX_ROUNDS):
        parts = weights[:, None] * probabilities
        former, weights = weights, (parts / parts.sum(axis=0)).mean(axis=1)
        if np.abs(weights - former).max() < _PRECISION:
            break
    return weights


def mean_log_prob(weights: NDArray[np.float64], probabilities: NDArray[np.floating]) -> float:
    """Return the mean log-probability per token under a mixture with weights `(K,)` and probabilities `(K, N)`."""
    return float(np.log(weights @ probabilities).mean())


def mixture_log_prob(
    own: NDArray[np.float64], other: NDArray[np.floating], weight: float | None, *, at_most: float = 1.0
) -> tuple[float, float]:
    """Return the mean log-probability per token under a mixture of two distributions, and the weight of the second.

    Args:
        own: Probability of each token under the first distribution `(N,)`.
        other: Probability of each token under the second `(N,)`.
        weight: Weight of the second; `None` to find the best.
        at_most: Maximum of the best weight.
    """
    both = np.stack((own, other))
    if weight is None:
        weight = min(round(float(mixture_weights(both)[1]), 4), at_most)
    return mean_log_prob(np.array([1 - weight, weight]), both), weight
