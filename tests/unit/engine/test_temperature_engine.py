from collections.abc import Callable

import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.engine.temperature_engine import TemperatureEngine, TemperatureOptions, log_totals
from nextword.errors import SettingError

INPUTS = np.random.default_rng(0).integers(11, size=(2, 5), dtype=np.int32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_log_probabilities_are_divided(toy_engine: Callable[..., Engine], temperature: float) -> None:
    toy = toy_engine(1)
    engine = TemperatureEngine(toy, TemperatureOptions(temperature=temperature))
    found, _ = engine.predict_window(INPUTS, engine.start(2))
    own, _ = toy.predict_window(INPUTS, toy.start(2))
    powers = np.exp(own.log_probs.astype(np.float64)) ** (1 / temperature)
    np.testing.assert_allclose(np.exp(found.log_probs), powers / powers.sum(axis=-1, keepdims=True), rtol=1e-4)
    assert found.hidden is not None
    np.testing.assert_array_equal(found.hidden, own.hidden)


def test_totals_of_very_small_weights_are_right() -> None:
    log_weights = np.array([[-1000.0, -1000.0], [-np.inf, 0.0]], np.float32)
    np.testing.assert_allclose(log_totals(log_weights), [-1000 + np.log(2), 0], rtol=1e-6)


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(SettingError, match=r"`temperature` must be at least 0\.01, but is 0"):
        TemperatureOptions(temperature=0)
