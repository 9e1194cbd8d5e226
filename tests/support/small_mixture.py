"""Bundles with a mixture whose parts have much weight, so that no test passes without them."""

from dataclasses import replace

import numpy as np

from nextword.bundle.bundle import Bundle
from nextword.bundle.files import max_ngram_bytes
from nextword.bundle.mixture import Gate, Gates, Mixture, MixtureSettings
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.pruning import packed_within

SETTINGS = MixtureSettings(
    ngram_weight=0.3,
    cache_size=5,
    cache_delay=2,
    cache_theta=0.7,
    cache_decay=0.1,
    cache_weight=0.4,
    cache_sentinel=2.0,
)


def random_gates(hidden_size: int, *, seed: int = 0) -> Gates:
    """Return gates that move the weights of both parts with every hidden state."""
    numbers = np.random.default_rng(seed).normal(size=(2, hidden_size + 1)).astype(np.float32).tolist()
    gates: list[Gate] = [tuple(gate) for gate in numbers]
    return Gates(*gates)


_NUM_TOKENS = 400
_ORDER = 3


def with_mixture(bundle: Bundle, *, settings: MixtureSettings = SETTINGS, seed: int = 0) -> Bundle:
    """Return a bundle with gates, a cache, and n-grams of a random text of its first tokens, as many as it may hold."""
    size, end_id = bundle.tokenizer.vocabulary_size, bundle.tokenizer.vocabulary.end_id
    ids = np.random.default_rng(seed).integers(size, size=_NUM_TOKENS, dtype=np.int32) // 2
    model = KneserNeyModel.fit(ids, _ORDER, vocabulary_size=size, end_id=end_id)
    ngrams = packed_within(model, ids, max_ngram_bytes(bundle.architecture), end_id=end_id)
    gates = random_gates(bundle.architecture.hidden_sizes[-1], seed=seed)
    return replace(bundle, mixture=Mixture(settings, ngrams, gates))
