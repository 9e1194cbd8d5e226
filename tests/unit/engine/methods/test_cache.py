import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.engine.methods import cache
from nextword.engine.methods.cache import Cache, CacheEngine, CacheOptions, empty_memory, look_up, token_probabilities
from nextword.engine.stream import token_log_probs
from nextword.errors import SettingError
from support.inner_engines import BigramEngine, splits_of, text_of, toy_engine

ALL = {"cache_size", "cache_theta", "cache_weight"}


def naive(engine: Engine, inputs: NDArray[np.int32], options: CacheOptions) -> NDArray[np.float64]:
    """One text, one token at a time, with the equations of the paper."""
    prediction, _ = engine.predict_window(inputs[None], engine.start(1))
    assert prediction.hidden is not None
    hidden = prediction.hidden[0].astype(np.float64)
    expected: NDArray[np.float64] = np.exp(prediction.log_probs[0].astype(np.float64))
    for t in range(1, len(inputs)):
        cached = np.zeros(engine.vocabulary_size)
        for i in range(max(0, t - options.cache_size), t):
            cached[inputs[i + 1]] += np.exp(options.cache_theta * hidden[t] @ hidden[i])
        expected[t] = (1 - options.cache_weight) * expected[t] + options.cache_weight * cached / cached.sum()
    return expected


@given(
    size=st.integers(1, 12),
    theta=st.sampled_from([0.0, 0.3, 2.0]),
    weight=st.sampled_from([0.0, 0.2, 0.9]),
    cut=st.integers(1, 9),
)
def test_it_matches_the_equations_of_the_paper(size: int, theta: float, weight: float, cut: int) -> None:
    options = CacheOptions(cache_size=size, cache_theta=theta, cache_weight=weight)
    inputs = np.random.default_rng(size).integers(11, size=10, dtype=np.int32)
    engine = CacheEngine(toy_engine(1), options)
    first, state = engine.predict_window(inputs[None, :cut], engine.start(1))
    second, _ = engine.predict_window(inputs[None, cut:], state)
    found = np.exp(np.hstack((first.log_probs, second.log_probs))[0])
    np.testing.assert_allclose(found, naive(toy_engine(1), inputs, options), rtol=1e-4)


def test_very_dissimilar_states_do_not_overflow() -> None:
    hidden = np.full((1, 4, 2), 30.0, np.float32) * np.array([1, -1, 1, -1], np.float32)[:, None]
    found, _ = look_up(empty_memory(1, 3), np.zeros((1, 4), np.int32), hidden)
    weights = found.weights(1.0)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(axis=-1), [[0, 1, 1, 1]], rtol=1e-6)


def test_an_engine_without_hidden_states_is_refused(hiddenless_engine: Engine) -> None:
    engine = CacheEngine(hiddenless_engine, CacheOptions())
    with pytest.raises(SettingError, match="a cache needs an engine with hidden states"):
        engine.step(np.array([1]), engine.start(1))


def test_tuning_uses_the_probabilities_of_the_engine() -> None:
    engine, ids = BigramEngine(), np.random.default_rng(0).integers(7, size=1_100, dtype=np.int32)
    sizes, thetas = (2, 5, 40), (0.0, 0.8)
    own, remembered = token_probabilities(engine, ids, sizes, thetas)
    for place, size in enumerate(sizes):
        for column, theta in enumerate(thetas):
            options = CacheOptions(cache_size=size, cache_theta=theta, cache_weight=0.3)
            expected = np.exp(token_log_probs(CacheEngine(engine, options), ids))
            np.testing.assert_allclose(0.7 * own + 0.3 * remembered[place, column], expected, rtol=1e-4)


def test_tuning_finds_the_best_point_of_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SIZES", (1, 6, 30))
    monkeypatch.setattr(cache, "_THETAS", (0.0, 1.0, 3.0))
    random = np.random.default_rng(1)
    valid = np.repeat(random.integers(7, size=(20, 1)), 20, axis=1).ravel().astype(np.int32)  # runs of one word
    engine = BigramEngine()
    tuned = Cache().apply(engine, CacheOptions(), splits_of(valid=valid), ALL)
    found = token_log_probs(tuned.engine, valid).mean()
    for size in (1, 6, 30):
        for theta in (0.0, 1.0, 3.0):
            for weight in (0.1, 0.5, 0.9):
                options = CacheOptions(cache_size=size, cache_theta=theta, cache_weight=weight)
                assert token_log_probs(CacheEngine(engine, options), valid).mean() <= found + 1e-5


def test_given_settings_are_not_tuned() -> None:
    options = CacheOptions(cache_size=7, cache_theta=0.4, cache_weight=0.2)
    splits = splits_of(valid=text_of(BigramEngine(), 200))
    tuned = Cache().apply(BigramEngine(), options, splits, {"cache_weight"}).options.to_table()
    assert (tuned["cache_size"], tuned["cache_theta"]) == (7, 0.4)
    assert tuned["cache_weight"] != 0.2
    assert Cache().apply(BigramEngine(), options, splits_of(), ()).options == options


def test_tuning_reads_a_limited_number_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MAX_TUNING_TOKENS", 100)
    valid = np.random.default_rng(0).integers(7, size=300, dtype=np.int32)
    tuned = [
        Cache().apply(BigramEngine(), CacheOptions(), splits_of(valid=ids), ALL).options for ids in (valid, valid[:100])
    ]
    assert tuned[0] == tuned[1]
    monkeypatch.setattr(cache, "_MAX_TUNING_TOKENS", 300)
    assert Cache().apply(BigramEngine(), CacheOptions(), splits_of(valid=valid), ALL).options != tuned[0]
