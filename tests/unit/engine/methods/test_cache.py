from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.engine.methods import cache
from nextword.engine.methods.cache import Cache, CacheEngine
from nextword.engine.mixture.cache import CacheOptions, Matches, Memory, cache_mass
from nextword.engine.mixture.tuning import CacheGrid, read_with_caches
from nextword.engine.stream import token_log_probs
from nextword.errors import SettingError
from support.inner_engines import BigramEngine, splits_of, text_of, toy_engine

ALL = {"cache_size", "cache_theta", "cache_decay", "cache_weight", "cache_sentinel"}


def naive(engine: Engine, inputs: NDArray[np.int32], options: CacheOptions) -> NDArray[np.float64]:
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
    options = CacheOptions(cache_size=size, cache_delay=delay, cache_theta=theta, cache_decay=decay, **shares)
    inputs = np.random.default_rng(size).integers(11, size=10, dtype=np.int32)
    engine = CacheEngine(toy_engine(1), options)
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
        CacheOptions(cache_size=100, cache_delay=200)


def test_branches_of_a_text_do_not_see_each_other() -> None:
    engine = CacheEngine(toy_engine(1), CacheOptions(cache_size=5, cache_weight=0.5))
    ids = np.random.default_rng(0).integers(11, size=(2, 12), dtype=np.int32)
    ids[1, :6] = ids[0, :6]
    _, state = engine.predict_window(ids[:1, :6], engine.start(1))
    _, branches = engine.predict_window(ids[:, 6:9], engine.select(state, np.array([0, 0])))
    branched, _ = engine.predict_window(ids[:, 9:], branches)  # after both have added to what they share
    for own, found in zip(ids, branched.log_probs, strict=True):
        alone, _ = engine.predict_window(own[None], engine.start(1))
        np.testing.assert_allclose(found, alone.log_probs[0, 9:], rtol=1e-5)


def test_a_state_can_be_used_again_after_steps_from_it() -> None:
    engine = CacheEngine(toy_engine(1), CacheOptions(cache_size=3, cache_weight=0.5))
    _, state = engine.predict_window(np.arange(9, dtype=np.int32)[None], engine.start(1))
    first, _ = engine.step(np.array([4]), state)
    engine.step(np.array([7]), state)
    again, _ = engine.step(np.array([4]), state)
    np.testing.assert_array_equal(first, again)


def test_an_engine_without_hidden_states_is_refused(hiddenless_engine: Engine) -> None:
    engine = CacheEngine(hiddenless_engine, CacheOptions())
    with pytest.raises(SettingError, match="a cache needs an engine with hidden states"):
        engine.step(np.array([1]), engine.start(1))


@pytest.mark.parametrize("delay", [0, 3])
def test_tuning_uses_the_probabilities_of_the_engine(delay: int) -> None:
    engine, ids = BigramEngine(), np.random.default_rng(0).integers(7, size=1_100, dtype=np.int32)
    own, trials, _ = read_with_caches(engine, ids[None], CacheGrid((4, 5, 40), (0.0, 0.8), (0.0, 0.3), delay))
    assert len(trials) == 12
    for (size, theta, decay), trial in trials.items():
        for sentinel in (0.0, 4.0):
            shares = {"cache_weight": 0.3, "cache_sentinel": sentinel}
            options = CacheOptions(cache_size=size, cache_delay=delay, cache_theta=theta, cache_decay=decay, **shares)
            expected = np.exp(token_log_probs(CacheEngine(engine, options), ids))
            np.testing.assert_allclose(trial.mixed(own, 0.3, sentinel), expected, rtol=1e-4)


def test_tuning_finds_the_best_point_of_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SIZES", (1, 6, 30))
    monkeypatch.setattr(cache, "_THETAS", (0.0, 1.0, 3.0))
    monkeypatch.setattr(cache, "_DECAYS", (0.0, 0.5))
    random = np.random.default_rng(1)
    valid = np.repeat(random.integers(7, size=(20, 1)), 20, axis=1).ravel().astype(np.int32)  # runs of one word
    engine = BigramEngine()
    tuned = Cache().apply(engine, CacheOptions(), splits_of(valid=valid), ALL)
    found = token_log_probs(tuned.engine, valid).mean()
    for size in (1, 6, 30):
        for theta in (0.0, 1.0, 3.0):
            for decay, weight in product((0.0, 0.5), (0.1, 0.5, 0.9)):
                options = CacheOptions(cache_size=size, cache_theta=theta, cache_decay=decay, cache_weight=weight)
                assert token_log_probs(CacheEngine(engine, options), valid).mean() <= found + 1e-5


def test_given_settings_are_not_tuned() -> None:
    options = CacheOptions(cache_size=7, cache_delay=2, cache_theta=0.4, cache_weight=0.2)
    splits = splits_of(valid=text_of(BigramEngine(), 200))
    tuned = Cache().apply(BigramEngine(), options, splits, {"cache_weight"}).options.to_table()
    assert (tuned["cache_size"], tuned["cache_delay"], tuned["cache_theta"]) == (7, 2, 0.4)
    assert tuned["cache_weight"] != 0.2
    assert Cache().apply(BigramEngine(), options, splits_of(), ()).options == options


def test_a_tuned_cache_remembers_more_than_a_given_delay_leaves_out() -> None:
    splits = splits_of(valid=text_of(BigramEngine(), 50))  # fewer than the delay: no cache sees anything
    options = CacheOptions(cache_size=400, cache_delay=300)
    tuned = Cache().apply(BigramEngine(), options, splits, ALL).options
    assert tuned.cache_size > tuned.cache_delay == 300


def test_tuning_reads_a_limited_number_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MAX_TUNING_TOKENS", 100)
    valid = np.random.default_rng(0).integers(7, size=300, dtype=np.int32)
    tuned = [
        Cache().apply(BigramEngine(), CacheOptions(), splits_of(valid=ids), ALL).options for ids in (valid, valid[:100])
    ]
    assert tuned[0] == tuned[1]
    monkeypatch.setattr(cache, "_MAX_TUNING_TOKENS", 300)
    assert Cache().apply(BigramEngine(), CacheOptions(), splits_of(valid=valid), ALL).options != tuned[0]
