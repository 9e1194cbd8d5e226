"""Finds out how much of what to mix with a network, on a text that the network did not learn from."""

import math
from collections.abc import Mapping
from itertools import chain, product
from operator import itemgetter
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.mixture import Gate, Gates, Mixture, MixtureSettings, PackedNgrams
from nextword.bundle.model_card import mixture_facts
from nextword.engine.engine import Engine
from nextword.engine.mixture.cache import Matches, Memory, cache_mass, sums_at
from nextword.engine.mixture.gates import MixedText
from nextword.engine.mixture.interpolated_model import InterpolatedModel, contexts_of
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.pruning import packed_within, unpacked
from nextword.engine.stream import predicted_windows
from nextword.text.batching.window import TokenIds

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_MAX_ROUNDS = 1000
_PRECISION = 1e-6

_WEIGHTS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99)
_SENTINELS = 12  # sentinels besides 0, from well below the similarity that is usual in the text to well above
_ORDER, _LOW_ORDER = 5, 3
_SMALL_VOCABULARY = 1000
"""In a text of so few tokens, long n-grams may be too rare for their number: both orders are tried."""

_CACHE_SIZE = 1000
_CACHE_DELAY = 8  # what was just said is left to the network: with it, sampled text repeats itself
_THETAS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0)
_DECAYS = (0.0, 0.002, 0.004)

_MIN_GAIN = 0.002
"""Gain in log-probability per token that keeps a part, beside what chance gives its settings on a short text."""

_NUM_SETTINGS = 4

_MAX_ROWS = 8
_MIN_ROW_TOKENS = 500
"""A validation text is read as several rows side by side, because that is faster; each fills its own cache."""


class CacheTrial(NamedTuple):
    """What a cache of some size and theta says of a text."""

    hits: Doubles  # the probability of each token under the cache alone `(N,)`
    log_totals: Floats  # the logarithm of the weight of all entries `(N,)`; -inf for an empty cache

    def mixed(self, own: Doubles, weight: float, sentinel: float) -> Doubles:
        """Return the probability of each token with the cache mixed in."""
        mass = cache_mass(self.log_totals, weight, sentinel)
        return (1 - mass) * own + mass * self.hits


Trials = Mapping[tuple[float, float], CacheTrial]
"""The trial of each theta and decay."""


class ReadTexts(NamedTuple):
    """What an engine, and caches of its hidden states, say of each token of some texts, one after the other `(N,)`."""

    own: Doubles  # the probability under the engine
    trials: Trials  # none without hidden states
    hidden: Floats | None  # the hidden state before it `(N, H)`


def read_with_caches(engine: Engine, texts: TokenIds) -> ReadTexts:
    """Read texts `(B, N)`, each from its start, with caches of its own."""
    own, states = list[Floats](), list[Floats]()
    parts = {key: [list[CacheTrial]() for _ in texts] for key in product(_THETAS, _DECAYS)}
    memories = [Memory()] * len(texts)
    for inputs, targets, (log_probs, hidden) in predicted_windows(engine, texts, numbers_per_step=4 * _CACHE_SIZE):
        own.append(np.take_along_axis(log_probs, targets[..., None], axis=2)[..., 0])
        if hidden is None:
            parts.clear()
            continue
        states.append(hidden)
        for row, window in enumerate(hidden):
            memories[row] = memories[row].after(inputs[row], window, _CACHE_SIZE)
            matches = Matches.of(memories[row], window, _CACHE_SIZE, _CACHE_DELAY)
            places = matches.places_of(targets[row])
            for (theta, decay), trials_of_rows in parts.items():
                weights, log_totals = matches.weights(theta, decay)
                trials_of_rows[row].append(CacheTrial(sums_at(places, weights), log_totals))
    trials = {key: CacheTrial(*map(np.concatenate, zip(*chain(*rows), strict=True))) for key, rows in parts.items()}
    probabilities = np.exp(np.concatenate(own, axis=1).ravel().astype(np.float64))
    joined = np.concatenate(states, axis=1).reshape(len(probabilities), -1) if states else None
    return ReadTexts(probabilities, trials, joined)


def best_cache(own: Doubles, trials: Trials) -> tuple[float, MixtureSettings]:
    """Return the highest mean log-probability of a text `(N,)` with one of the caches tried, and the settings of it."""
    found = [
        (float(np.log(trial.mixed(own, weight, sentinel)).mean()), theta, decay, weight, sentinel)
        for (theta, decay), trial in trials.items()
        for weight in _WEIGHTS
        for sentinel in _sentinels(trial)
    ]
    log_prob, theta, decay, weight, sentinel = max(found, key=itemgetter(0))
    return log_prob, MixtureSettings(
        cache_size=_CACHE_SIZE,
        cache_delay=_CACHE_DELAY,
        cache_theta=theta,
        cache_decay=decay,
        cache_weight=weight,
        cache_sentinel=sentinel,
    )


def _sentinels(trial: CacheTrial) -> list[float]:
    known = trial.log_totals[np.isfinite(trial.log_totals)]
    if not len(known):
        return [0.0]
    low, high = np.quantile(known, [0.1, 0.99])
    return [0.0, *(float(f"{np.exp(min(point, 69.0)):.3g}") for point in np.linspace(low - 1, high + 4, _SENTINELS))]


class Effort(NamedTuple):
    """How much text a mixture is fitted to."""

    train_tokens: int = 5_000_000  # how many of the latest training tokens are counted, at most
    valid_tokens: int = 40_000  # how many validation tokens decide the settings, at most

    @classmethod
    def within(cls, seconds: float, token_seconds: float) -> Self:
        """Return what there is time for: 60 % of it for the training text, if both texts are long."""
        seconds, most = max(0.0, seconds - _START_SECONDS), cls()
        train = math.floor(_COUNTING_SHARE * seconds / _COUNTING_SECONDS)
        valid = math.floor((1 - _COUNTING_SHARE) * seconds / _tuning_seconds(token_seconds))
        return cls(min(most.train_tokens, train), min(most.valid_tokens, valid))

    def seconds(self, num_train: int, num_valid: int, token_seconds: float) -> float:
        """Return about how long it takes for texts of these lengths, with a network that reads a token in some time."""
        train, valid = min(self.train_tokens, num_train), min(self.valid_tokens, num_valid)
        needed = _START_SECONDS + _COUNTING_SECONDS * train + _tuning_seconds(token_seconds) * valid
        return needed if train and valid else 0.0


_START_SECONDS = 2.0  # for the training framework to compile the reading of several rows
_COUNTING_SECONDS = 4e-6  # a training token
_COUNTING_SHARE = 0.6


def _tuning_seconds(token_seconds: float) -> float:
    """Return the seconds for a validation token: for the caches, and for a network that returns whole distributions."""
    return 1.8e-4 + 1.3 * token_seconds


class FittedMixture(NamedTuple):
    """A mixture, and what a person wants to know of it."""

    mixture: Mixture | None  # what to mix; `None` if nothing helps
    counted_tokens: int = 0  # training tokens that its n-grams were counted in
    pruning_cost: float = 0.0  # rise of the perplexity on the validation text, as a fraction

    @property
    def facts(self) -> dict[str, str]:
        """What the model card tells; empty without a mixture."""
        if self.mixture is None:
            return {}
        return mixture_facts(self.mixture.facts, counted_tokens=self.counted_tokens, pruning_cost=self.pruning_cost)


def fitted_mixture(
    engine: Engine, train: TokenIds, valid: TokenIds, *, max_bytes: int, effort: Effort
) -> FittedMixture:
    """Return what to mix with an engine: n-grams of the training text, and a cache."""
    counted, texts = train[max(0, len(train) - effort.train_tokens) :], _rows_of(valid[: max(1, effort.valid_tokens)])
    reading = _Reading.of(engine, texts)
    if not len(counted):
        return FittedMixture(reading.tuned(None))
    orders = (_ORDER, _LOW_ORDER) if engine.vocabulary_size <= _SMALL_VOCABULARY else (_ORDER,)
    models = [
        KneserNeyModel.fit(counted, order, vocabulary_size=engine.vocabulary_size, end_id=engine.end_id)
        for order in orders
    ]
    model = max(models, key=lambda each: reading.with_ngrams(each)[0]) if len(models) > 1 else models[0]
    packed = packed_within(model, counted, max_bytes, end_id=engine.end_id)
    mixture = reading.tuned(packed)
    if mixture is None or mixture.ngrams is None:
        return FittedMixture(mixture)
    loss = reading.with_ngrams(model)[0] - reading.with_ngrams(unpacked(mixture.ngrams))[0]
    return FittedMixture(mixture, len(counted), math.expm1(max(0.0, loss)))


def _rows_of(ids: TokenIds) -> TokenIds:
    """Return a text as rows of equal length `(B, N)`, without a rest."""
    num_rows = max(1, min(_MAX_ROWS, len(ids) // _MIN_ROW_TOKENS))
    return ids[: len(ids) // num_rows * num_rows].reshape(num_rows, -1)


class _Reading(NamedTuple):
    """What a network, and caches of it, say of some texts."""

    texts: TokenIds  # (B, N)
    end_id: int
    read: ReadTexts  # of each token (B * N,)

    @classmethod
    def of(cls, engine: Engine, texts: TokenIds) -> Self:
        return cls(texts, engine.end_id, read_with_caches(engine, texts))

    def with_ngrams(self, model: InterpolatedModel) -> tuple[float, float, Doubles]:
        """Return the mean log-probability with n-grams mixed in, their weight, and what they say of each token."""
        contexts = np.concatenate([contexts_of(text, model.order, end_id=self.end_id) for text in self.texts])
        counted = model.token_probabilities(contexts, self.texts.ravel())
        return *mixture_log_prob(self.read.own, counted, None, at_most=0.999), counted

    def tuned(self, ngrams: PackedNgrams | None) -> Mixture | None:
        """Return what to mix; `None` if nothing helps."""
        least = _MIN_GAIN + _NUM_SETTINGS / self.texts.size
        own, trials, hidden = self.read
        log_prob, settings = float(np.log(own).mean()), MixtureSettings()
        parts: dict[str, tuple[Doubles, NDArray[np.floating]]] = {}  # weights and probabilities of each token
        if ngrams is not None:
            found, weight, counted = self.with_ngrams(unpacked(ngrams))
            if found - log_prob >= least:
                parts["ngram"] = np.full(len(own), weight), counted
                own, log_prob = (1 - weight) * own + weight * counted, found
                settings = settings.replace(ngram_weight=weight)
        if trials:
            found, cached = best_cache(own, trials)
            if found - log_prob >= least:
                trial = trials[cached.cache_theta, cached.cache_decay]
                mass = cache_mass(trial.log_totals, cached.cache_weight, cached.cache_sentinel)
                parts["cache"] = mass, trial.hits
                settings = cached.replace(ngram_weight=settings.ngram_weight)
        if not parts:
            return None
        gates = dict[str, Gate]()
        if hidden is not None:
            weights, others = map(np.stack, zip(*parts.values(), strict=True))
            fitted = MixedText(hidden, self.read.own, weights, others).useful_gates(least)
            gates = {name: tuple(float(str(each)) for each in gate) for name, gate in zip(parts, fitted, strict=True)}
        return Mixture(settings, ngrams if "ngram" in parts else None, Gates(**gates))


def mixture_weights(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mixture weights `(K,)` that maximize the probability of the tokens of a text.

    Expectation maximization, starting from equal weights: each weight becomes the mean responsibility of its
    distribution over the tokens. The log-likelihood is concave in the weights, so this finds the maximum.

    Args:
        probabilities: Probability of each token under each distribution `(K, N)`; at least one must be above 0.
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
    """Return the mean log-probability per token `(N,)` under a mixture, and the given or best weight of the second."""
    both = np.stack((own, other))
    if weight is None:
        weight = min(round(float(mixture_weights(both)[1]), 4), at_most)
    return mean_log_prob(np.array([1 - weight, weight]), both), weight
