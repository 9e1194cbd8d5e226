from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.cache_engine import CacheEngine, CacheOptions, empty_memory, recollect
from nextword.engine.engine import Engine
from nextword.errors import SettingError

MakeEngine = Callable[..., Engine]


def naive(engine: Engine, inputs: NDArray[np.int32], options: CacheOptions) -> NDArray[np.float64]:
    """One text, one token at a time, as the paper writes it."""
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
def test_it_is_the_cache_of_the_paper(toy_engine: MakeEngine, size: int, theta: float, weight: float, cut: int) -> None:
    options = CacheOptions(cache_size=size, cache_theta=theta, cache_weight=weight)
    inputs = np.random.default_rng(size).integers(11, size=10, dtype=np.int32)
    engine = CacheEngine(toy_engine(1), options)
    first, state = engine.predict_window(inputs[None, :cut], engine.start(1))
    second, _ = engine.predict_window(inputs[None, cut:], state)
    found = np.exp(np.hstack((first.log_probs, second.log_probs))[0])
    np.testing.assert_allclose(found, naive(toy_engine(1), inputs, options), rtol=1e-4)


def test_what_was_read_is_expected_again(toy_engine: MakeEngine) -> None:
    toy = toy_engine(1)
    inputs = np.array([[3, 7, 7, 7, 7, 7]], np.int32)
    engine = CacheEngine(toy, CacheOptions(cache_weight=0.5))
    cached, _ = engine.predict_window(inputs, engine.start(1))
    own, _ = toy.predict_window(inputs, toy.start(1))
    assert (np.exp(cached.log_probs[0, 1:, 7]) > 0.5).all()
    np.testing.assert_array_equal(cached.log_probs[0, 0], own.log_probs[0, 0])  # nothing is remembered yet


def test_a_memory_is_never_changed(toy_engine: MakeEngine) -> None:
    inputs = np.random.default_rng(0).integers(11, size=(2, 6), dtype=np.int32)
    hidden = np.random.default_rng(1).normal(size=(2, 6, 4)).astype(np.float32)
    _, memory = recollect(empty_memory(2, 3), inputs, hidden)
    before = [memory.hidden.copy(), memory.followers.copy()]
    np.testing.assert_array_equal(memory.hidden, hidden[:, -3:])
    np.testing.assert_array_equal(memory.followers, inputs[:, -2:])
    recollect(memory, inputs, hidden)
    np.testing.assert_array_equal(memory.hidden, before[0])
    np.testing.assert_array_equal(memory.followers, before[1])


def test_very_unlike_states_do_not_overflow() -> None:
    hidden = np.full((1, 4, 2), 30.0, np.float32) * np.array([1, -1, 1, -1], np.float32)[:, None]
    found, _ = recollect(empty_memory(1, 3), np.zeros((1, 4), np.int32), hidden)
    weights = found.weights(1.0)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(axis=-1), [[0, 1, 1, 1]], rtol=1e-6)


def test_an_engine_without_hidden_states_is_refused(hiddenless_engine: Engine) -> None:
    engine = CacheEngine(hiddenless_engine, CacheOptions())
    with pytest.raises(SettingError, match="a cache needs an engine with hidden states"):
        engine.step(np.array([1]), engine.start(1))
