"""The neural cache, its three settings found in one reading of the validation split."""

from collections.abc import Collection, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.engine.cache_engine import (
    CacheEngine,
    CacheOptions,
    Recollection,
    empty_memory,
    hidden_of,
    recollect,
)
from nextword.engine.engine import Engine
from nextword.evaluation.reading import predicted_windows
from nextword.methods.method import Applied, Method, Splits
from nextword.methods.mixture import mean_log_prob, mixture_weights
from nextword.settings import Settings

_SIZES = (100, 200, 500, 1000, 2000, 4000)
_THETAS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)


class Cache(Method[CacheOptions]):
    """Words that were read of late; size and theta are tuned on a grid, and the weight exactly for each."""

    name = "cache"
    kind: ClassVar[type[Settings]] = CacheOptions
    learns = True
    tunable = ("cache_size", "cache_theta", "cache_weight")

    def apply(
        self, engine: Engine, options: CacheOptions, splits: Splits, to_tune: Collection[str]
    ) -> Applied[CacheOptions]:
        """Put a `CacheEngine` around `engine`."""
        if to_tune:
            options = _tuned(engine, options, splits.valid(), to_tune)
        return Applied(CacheEngine(engine, options), options)


def _tuned(engine: Engine, options: CacheOptions, ids: TokenIds, to_tune: Collection[str]) -> CacheOptions:
    sizes = _SIZES if "cache_size" in to_tune else (options.cache_size,)
    thetas = _THETAS if "cache_theta" in to_tune else (options.cache_theta,)
    own, remembered = token_probabilities(engine, ids, sizes, thetas)
    candidates = []
    for size, of_size in zip(sizes, remembered, strict=True):
        for theta, probabilities in zip(thetas, of_size, strict=True):
            both = np.stack((own, probabilities))
            weight = options.cache_weight
            if "cache_weight" in to_tune:
                weight = min(round(float(mixture_weights(both)[1]), 4), 0.9999)
            score = mean_log_prob(np.array([1 - weight, weight]), both)
            found = options.replace(cache_size=size, cache_theta=theta, cache_weight=weight)
            candidates.append((score, found))
    return max(candidates, key=lambda candidate: candidate[0])[1]


def token_probabilities(
    engine: Engine, ids: TokenIds, sizes: Sequence[int], thetas: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the probability of each token `(N,)` under the engine, and under caches of each size and theta.

    The first token, before which nothing is remembered, has in the caches the probability that the engine gives it.

    Args:
        engine: An engine with hidden states.
        ids: The tokens of the text `(N,)`.
        sizes: Sizes of the cache `S`, ascending.
        thetas: Values of theta `K`.

    Returns:
        Those under the engine, float64, and those under the caches `(S, K, N)`, float32.
    """
    memory = empty_memory(1, sizes[-1])
    own, remembered = [], []
    for window in predicted_windows(engine, ids, numbers_per_step=4 * sizes[-1]):
        found, memory = recollect(memory, window.inputs, hidden_of(window.prediction))
        own.append(np.take_along_axis(window.prediction.log_probs[0], window.targets[0, :, None], axis=1)[:, 0])
        hits = (found.followers[0] == window.targets[0, :, None]).astype(np.float32)
        remembered.append(np.stack([_of_sizes(found, hits, theta, sizes) for theta in thetas], axis=1))
    engine_probabilities = np.exp(np.concatenate(own).astype(np.float64))
    of_caches = np.concatenate(remembered, axis=-1)
    of_caches[..., 0] = engine_probabilities[0]
    return engine_probabilities, of_caches


def _of_sizes(
    found: Recollection, hits: NDArray[np.float32], theta: float, sizes: Sequence[int]
) -> NDArray[np.float32]:
    """Return the probability of each target of a window in the latest tokens of each size `(S, T)`."""
    weights = found.weights(theta)[0]
    starts = sizes[-1] - np.array(sizes[::-1])  # where each size begins, the largest first
    within = [np.add.reduceat(array, starts, axis=1)[:, ::-1].cumsum(axis=1).T for array in (weights * hits, weights)]
    hit, total = within
    return np.divide(hit, total, out=np.zeros_like(hit), where=total > 0)
