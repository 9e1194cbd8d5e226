"""Finds out how much of what to mix with a network, on a text that the network did not learn from."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.mixture import Mixture, MixtureSettings, PackedNgrams
from nextword.engine.engine import Engine
from nextword.engine.mixture.cache import CacheOptions, Matches, Memory, cache_mass
from nextword.engine.ngram.interpolated_model import contexts_of
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.ngram.pruning import packed_within, unpacked
from nextword.engine.stream import predicted_windows
from nextword.text.batching.window import TokenIds

Doubles = NDArray[np.float64]

_MAX_ROUNDS = 1000
_PRECISION = 1e-6

_WEIGHTS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99)
_SENTINELS = 12
"""Sentinels besides 0, from well below the similarity that is usual in the text to well above."""

_ORDER = 5
_CACHE_SIZE = 1000
_THETAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7)

_LEAST_GAIN = 0.002
"""Gain in log-probability per token that keeps a part, beside what chance gives its settings on a short text."""

_NUM_SETTINGS = 4


class CacheTrial(NamedTuple):
    """What a cache of some size and theta says of a text.

    Attributes:
        hits: The probability of each token under the cache alone `(N,)`.
        log_totals: The logarithm of the weight of all entries at each `(N,)`; -inf for an empty cache.
    """

    hits: NDArray[np.float32]
    log_totals: NDArray[np.float32]

    def mixed(self, own: Doubles, weight: float, sentinel: float) -> Doubles:
        """Return the probability of each token with the cache mixed in."""
        mass = cache_mass(self.log_totals, weight, sentinel)
        return (1 - mass) * own + mass * self.hits


Trials = Mapping[tuple[int, float], CacheTrial]


def read_with_caches(
    engine: Engine, ids: TokenIds, sizes: Sequence[int], thetas: Sequence[float], *, delay: int = 0
) -> tuple[Doubles, Trials]:
    """Return the probability of each token of a text under an engine `(N,)`, and trials of caches.

    Args:
        engine: An engine; without hidden states there are no trials.
        ids: The tokens of the text `(N,)`.
        sizes: Sizes of the cache.
        thetas: Values of theta.
        delay: How many of the latest tokens the caches leave out.
    """
    own: list[NDArray[np.float32]] = []
    parts: dict[tuple[int, float], list[CacheTrial]] = {(size, theta): [] for size in sizes for theta in thetas}
    memory = Memory()
    for inputs, targets, prediction in predicted_windows(engine, ids, numbers_per_step=4 * max(sizes, default=1)):
        own.append(np.take_along_axis(prediction.log_probs[0], targets[0, :, None], axis=1)[:, 0])
        if prediction.hidden is None:
            parts.clear()
            continue
        memory = memory.after(inputs[0], prediction.hidden[0], max(sizes))
        for size in sizes:
            matches = Matches.of(memory, prediction.hidden[0], size, delay)
            is_hit = matches.followers == targets[0, :, None]
            for theta in thetas:
                weights, log_totals = matches.weights(theta)
                parts[size, theta].append(CacheTrial((weights * is_hit).sum(axis=1), log_totals))
    trials = {key: CacheTrial(*map(np.concatenate, zip(*found, strict=True))) for key, found in parts.items()}
    return np.exp(np.concatenate(own).astype(np.float64)), trials


def best_cache(
    own: Doubles,
    trials: Trials,
    *,
    weights: Sequence[float] | None = None,
    sentinels: Sequence[float] | None = None,
) -> tuple[float, CacheOptions]:
    """Return the highest mean log-probability of a text with a cache, and the cache's settings.

    Args:
        own: The probability of each token without a cache `(N,)`.
        trials: Caches to choose from.
        weights: Weights to choose from (default: from 0.02 to 0.99).
        sentinels: Sentinels to choose from (default: none, and some that suit the similarities in the text).
    """
    found = [
        (float(np.log(trial.mixed(own, weight, sentinel)).mean()), size, theta, weight, sentinel)
        for (size, theta), trial in trials.items()
        for weight in weights or _WEIGHTS
        for sentinel in sentinels or _sentinels(trial)
    ]
    log_prob, size, theta, weight, sentinel = max(found, key=itemgetter(0))
    options = CacheOptions(cache_size=size, cache_theta=theta, cache_weight=weight, cache_sentinel=sentinel)
    return log_prob, options


def _sentinels(trial: CacheTrial) -> list[float]:
    known = trial.log_totals[np.isfinite(trial.log_totals)]
    if not len(known):
        return [0.0]
    low, high = np.quantile(known, [0.1, 0.99])
    return [0.0, *(float(f"{np.exp(min(point, 69.0)):.3g}") for point in np.linspace(low - 1, high + 4, _SENTINELS))]


def fitted_ngrams(train: TokenIds, max_bytes: int, *, vocabulary_size: int, end_id: int) -> PackedNgrams | None:
    """Return the n-grams of a training text that matter most, in at most `max_bytes`; `None` if there is no room."""
    if not len(train):
        return None
    model = KneserNeyModel.fit(train, _ORDER, vocabulary_size=vocabulary_size, end_id=end_id)
    return packed_within(model, train, max_bytes, end_id=end_id)


def tuned_mixture(engine: Engine, valid: TokenIds, ngrams: PackedNgrams | None) -> Mixture | None:
    """Return what to mix with an engine, tuned on a text that it did not learn from; `None` if nothing helps.

    Args:
        engine: The network alone.
        valid: The text `(N,)`.
        ngrams: The n-grams of the training text.
    """
    own, trials = read_with_caches(engine, valid, [_CACHE_SIZE], _THETAS)
    least = _LEAST_GAIN + _NUM_SETTINGS / len(valid)
    log_prob, weight = float(np.log(own).mean()), 0.0
    if ngrams is not None:
        model = unpacked(ngrams)
        counted = model.token_probabilities(contexts_of(valid, model.order, end_id=engine.end_id), valid)
        found, best = mixture_log_prob(own, counted, None, at_most=0.999)
        if found - log_prob >= least:
            log_prob, weight, own = found, best, (1 - best) * own + best * counted
    settings = MixtureSettings(ngram_weight=weight)
    if trials:
        found, options = best_cache(own, trials)
        if found - log_prob >= least:
            settings = settings.replace(**options.to_table())
    if not (settings.ngram_weight or settings.cache_weight):
        return None
    return Mixture(settings, ngrams if settings.ngram_weight else None)


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
