"""What every method is: a name, settings, and a way to put an engine around an engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.settings import Settings

_MOST_ROUNDS = 1000
_PRECISION = 1e-6


@dataclass(frozen=True)
class Splits:
    """The splits that a method may read, each when it is asked for; the one to be evaluated is not among them.

    Attributes:
        train: Returns the ids of the text that the model was trained on.
        valid: Returns the ids that settings are tuned on.
    """

    train: Callable[[], TokenIds]
    valid: Callable[[], TokenIds]


class AppliedMethod[Options: Settings](NamedTuple):
    """A method at work.

    Attributes:
        engine: The engine around the engine.
        options: Its settings, with the tuned ones as they were found.
    """

    engine: Engine
    options: Options


class Method[Options: Settings](ABC):
    """A way to change the predictions of a model without touching its stored weights.

    Attributes:
        name: What it is called.
        options_type: Its settings.
        tunable: Names of those that can be found on the validation split.
        is_innermost: Whether it goes around the model itself and nothing else: around each member of an ensemble.
        learns: Whether it learns from the text that it reads, so that lines depend on those before.
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
        """Put an engine around `engine`.

        Args:
            engine: What the method goes around.
            options: Its settings.
            splits: What may be read.
            to_tune: Names of tunable settings that are to be found on the validation split first.

        Raises:
            SettingError: The method does not go with this engine.
        """


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


def weighed(
    own: NDArray[np.float64], other: NDArray[np.floating], weight: float | None, *, at_most: float = 1.0
) -> tuple[float, float]:
    """Return the mean log-probability of a token under two mixed distributions, and the weight of the second.

    Args:
        own: The probability of each token under the first `(N,)`.
        other: The same under the second `(N,)`.
        weight: The weight of the second; the best is found if it is `None`.
        at_most: The largest weight to find.
    """
    both = np.stack((own, other))
    if weight is None:
        weight = min(round(float(mixture_weights(both)[1]), 4), at_most)
    return mean_log_prob(np.array([1 - weight, weight]), both), weight
