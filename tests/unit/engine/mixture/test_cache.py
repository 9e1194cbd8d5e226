import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.bundle.mixture import MixtureSettings
from nextword.engine.engine import Engine
from nextword.engine.mixture.cache import Matches, Memory, cache_mass
from nextword.errors import SettingError
from support.inner_engines import toy_engine, with_cache


def naive(engine: Engine, inputs: NDArray[np.int32], options: MixtureSettings) -> NDArray[np.float64]:
    """One text, one token at a time, with the equations of the papers, and with a decay."""
    prediction, _ = engine.predict_window(inputs[None], engine.start(1))
    assert prediction.hidden is not None
    hidden = prediction.hidden[0].astype(np.float64)
    expected: NDArray[np.float64] = np.exp(prediction.log_probs[0].astype(np.float64))
    for t in range(1, len(inputs)):
        cached = np.zeros(engine.vocabulary_size)
        for i in range(max(0, t - options.cache_size), t - options.cache_delay):
            age = t - 1 - i
            cached[inputs[i + 1]] += np.exp(options.cache_theta * hidden[t] @ hidden[i] - options.cache_decay * age)
        if not cached.any():
            continue
        mass = options.cache_weight * cached.sum() / (cached.sum() + options.cache_sentinel)
        expected[t] = (1 - mass) * expected[t] + mass * cached / cached.sum()
    return expected


@given(
    size=st.integers(1, 12),
    delay=st.integers(0, 4),  # below the size
    theta=st.sampled_from([0.0, 0.3, 2.0]),
    decay=st.sampled_from([0.0, 0.25, 10.0]),
    weight=st.sampled_from([0.0, 0.2, 0.9]),
    sentinel=st.sampled_from([0.0, 3.0]),
    cut=st.integers(1, 9),
)
def test_it_matches_the_equations_of_the_papers(
    size: int, delay: int, theta: float, decay: float, weight: float, sentinel: float, cut: int
) -> None:
    shares = {"cache_weight": weight, "cache_sentinel": sentinel}
    delay = min(delay, size - 1)
    options = MixtureSettings(cache_size=size, cache_delay=delay, cache_theta=theta, cache_decay=decay, **shares)
    inputs = np.random.default_rng(size).integers(11, size=10, dtype=np.int32)
    engine = with_cache(toy_engine(1), **options.to_table())
    expected = naive(toy_engine(1), inputs, options)
    first, state = engine.predict_window(inputs[None, :cut], engine.start(1))
    stepped, _ = engine.step(inputs[cut : cut + 1], state)
    second, _ = engine.predict_window(inputs[None, cut:], state)
    found = np.exp(np.hstack((first.log_probs, second.log_probs))[0])
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(np.exp(stepped[0]), expected[cut], rtol=1e-4)


def test_very_dissimilar_states_do_not_overflow() -> None:
    hidden = np.full((4, 2), 30.0, np.float32) * np.array([1, -1, 1, -1], np.float32)[:, None]
    memory = Memory().after(np.zeros(4, np.int32), hidden, 3)
    weights, log_totals = Matches.of(memory, hidden, 3).weights(1.0, 0.0)
    np.testing.assert_allclose(weights.sum(axis=-1), [0, 1, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(log_totals, [-np.inf, -1800, 1800, 1800], rtol=1e-5)
    np.testing.assert_allclose(cache_mass(log_totals, 0.5, 3.0), [0, 0, 0.5, 0.5], atol=1e-9)


def test_a_delay_of_the_whole_cache_is_refused() -> None:
    with pytest.raises(SettingError, match="`cache_delay` must be below `cache_size`, 100, but is 200; lower it"):
        MixtureSettings(cache_size=100, cache_delay=200, cache_weight=0.1)


def test_branches_of_a_text_do_not_see_each_other() -> None:
    engine = with_cache(toy_engine(1), cache_size=5, cache_weight=0.5)
    ids = np.random.default_rng(0).integers(11, size=(2, 12), dtype=np.int32)
    ids[1, :6] = ids[0, :6]
    _, state = engine.predict_window(ids[:1, :6], engine.start(1))
    _, branches = engine.predict_window(ids[:, 6:9], engine.select(state, np.array([0, 0])))
    branched, _ = engine.predict_window(ids[:, 9:], branches)  # after both have added to what they share
    for own, found in zip(ids, branched.log_probs, strict=True):
        alone, _ = engine.predict_window(own[None], engine.start(1))
        np.testing.assert_allclose(found, alone.log_probs[0, 9:], rtol=1e-5)


def test_a_state_can_be_used_again_after_steps_from_it() -> None:
    engine = with_cache(toy_engine(1), cache_size=3, cache_weight=0.5)
    _, state = engine.predict_window(np.arange(9, dtype=np.int32)[None], engine.start(1))
    first, _ = engine.step(np.array([4]), state)
    engine.step(np.array([7]), state)
    again, _ = engine.step(np.array([4]), state)
    np.testing.assert_array_equal(first, again)


def test_an_engine_without_hidden_states_is_refused(hiddenless_engine: Engine) -> None:
    engine = with_cache(hiddenless_engine)
    with pytest.raises(SettingError, match="a cache needs an engine with hidden states"):
        engine.step(np.array([1]), engine.start(1))
