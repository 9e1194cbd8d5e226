import numpy as np
import pytest

from nextword.engine.methods.temperature import (
    Temperature,
    TemperatureEngine,
    TemperatureOptions,
    best_temperature,
    log_sum_exp,
)
from nextword.errors import SettingError
from support.inner_engines import BigramEngine, splits_of, text_of, toy_engine

INPUTS = np.random.default_rng(0).integers(11, size=(2, 5), dtype=np.int32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_log_probabilities_are_divided(temperature: float) -> None:
    toy = toy_engine(1)
    engine = TemperatureEngine(toy, TemperatureOptions(temperature=temperature))
    found, _ = engine.predict_window(INPUTS, engine.start(2))
    own, _ = toy.predict_window(INPUTS, toy.start(2))
    powers = np.exp(own.log_probs.astype(np.float64)) ** (1 / temperature)
    np.testing.assert_allclose(np.exp(found.log_probs), powers / powers.sum(axis=-1, keepdims=True), rtol=1e-4)
    assert found.hidden is not None
    np.testing.assert_array_equal(found.hidden, own.hidden)


def test_log_sum_exp_of_very_small_weights_is_right() -> None:
    log_weights = np.array([[-1000.0, -1000.0], [-np.inf, 0.0]], np.float32)
    np.testing.assert_allclose(log_sum_exp(log_weights), [-1000 + np.log(2), 0], rtol=1e-6)


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(SettingError, match=r"`temperature` must be at least 0\.01, but is 0"):
        TemperatureOptions(temperature=0)


@pytest.mark.parametrize(("own", "boldness"), [(1.0, 2.0), (1.0, 0.6), (1.0, 1.0), (0.5, 4.0)])
def test_tuning_finds_the_true_temperature(own: float, boldness: float) -> None:
    ids = text_of(BigramEngine(boldness=own), 4_000)
    assert best_temperature(BigramEngine(boldness=boldness), ids) == pytest.approx(boldness / own, rel=0.12)


def test_a_uniform_engine_keeps_its_temperature() -> None:
    assert best_temperature(BigramEngine(boldness=0.0), np.array([1, 2, 3], np.int32)) == 1


def test_without_tuning_no_split_is_read() -> None:
    options = TemperatureOptions(temperature=0.7)
    assert Temperature().apply(BigramEngine(), options, splits_of(), ()).options == options
