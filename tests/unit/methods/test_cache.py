from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nextword.batching.window import TokenIds
from nextword.engine.cache_engine import CacheEngine, CacheOptions
from nextword.evaluation.reading import token_log_probs
from nextword.methods import cache
from nextword.methods.cache import Cache, token_probabilities
from nextword.methods.method import Splits

ALL = {"cache_size", "cache_theta", "cache_weight"}


def test_the_probabilities_that_are_tuned_on_are_those_of_the_engine(bigram_engine: Callable[..., Any]) -> None:
    engine, ids = bigram_engine(), np.random.default_rng(0).integers(7, size=1_100, dtype=np.int32)
    sizes, thetas = (2, 5, 40), (0.0, 0.8)
    own, remembered = token_probabilities(engine, ids, sizes, thetas)
    for place, size in enumerate(sizes):
        for column, theta in enumerate(thetas):
            options = CacheOptions(cache_size=size, cache_theta=theta, cache_weight=0.3)
            expected = np.exp(token_log_probs(CacheEngine(engine, options), ids))
            np.testing.assert_allclose(0.7 * own + 0.3 * remembered[place, column], expected, rtol=1e-4)


def test_the_best_of_the_grid_is_found(
    bigram_engine: Callable[..., Any], splits_of: Callable[..., Splits], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_SIZES", (1, 6, 30))
    monkeypatch.setattr(cache, "_THETAS", (0.0, 1.0, 3.0))
    random = np.random.default_rng(1)
    valid = np.repeat(random.integers(7, size=(20, 1)), 20, axis=1).ravel().astype(np.int32)  # stretches of one word
    engine = bigram_engine()
    tuned = Cache().apply(engine, CacheOptions(), splits_of(valid=valid), ALL)
    found = token_log_probs(tuned.engine, valid).mean()
    for size in (1, 6, 30):
        for theta in (0.0, 1.0, 3.0):
            for weight in (0.1, 0.5, 0.9):
                options = CacheOptions(cache_size=size, cache_theta=theta, cache_weight=weight)
                assert token_log_probs(CacheEngine(engine, options), valid).mean() <= found + 1e-5


def test_what_is_given_stays(
    bigram_engine: Callable[..., Any], text_of: Callable[..., TokenIds], splits_of: Callable[..., Splits]
) -> None:
    options = CacheOptions(cache_size=7, cache_theta=0.4, cache_weight=0.2)
    splits = splits_of(valid=text_of(bigram_engine(), 200))
    tuned = Cache().apply(bigram_engine(), options, splits, {"cache_weight"}).options.to_table()
    assert (tuned["cache_size"], tuned["cache_theta"]) == (7, 0.4)
    assert tuned["cache_weight"] != 0.2
    assert Cache().apply(bigram_engine(), options, splits_of(), ()).options == options
