from typing import Any

import numpy as np
import pytest

from nextword.model.layers.initialization import Initialization
from nextword.model.layers.lstm import LSTM
from nextword.model.layers.mogrifier_lstm import MogrifierLSTM


def built(**options: Any) -> MogrifierLSTM:
    layer = MogrifierLSTM(6, name="layer", **options)
    layer.build((None, None, 5))
    return layer


def inputs() -> Any:
    return np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("rank", [None, 2])
def test_without_modulation_it_equals_the_lstm(rank: int | None) -> None:
    layer, plain = built(rank=rank), LSTM(6, name="layer")
    for name, weight in layer.modulations.items():
        if not name.endswith("_left"):
            weight.assign(np.zeros(weight.shape))  # each round then multiplies by 2 sigmoid(0) = 1
    state = plain.initial_state(2)
    np.testing.assert_allclose(layer(inputs(), state)[0], plain(inputs(), state)[0], atol=1e-6)
    np.testing.assert_allclose(built(num_rounds=0)(inputs(), state)[0], plain(inputs(), state)[0], atol=1e-6)


def test_two_factors_equal_their_product() -> None:
    factored, full = built(rank=2, num_rounds=2), built(num_rounds=2)
    for weight, other in zip(factored.weights[:3], full.weights[:3], strict=True):
        other.assign(weight.value)
    for index in (1, 2):
        name = f"modulation_{index}"
        left, right = (np.asarray(factored.modulations[f"{name}_{side}"].value) for side in ("left", "right"))
        full.modulations[f"{name}_kernel"].assign(left @ right)
    state = full.initial_state(2)
    np.testing.assert_allclose(factored(inputs(), state)[0], full(inputs(), state)[0], atol=1e-5)


def test_the_product_of_initial_factors_has_the_variance_of_a_kernel() -> None:
    layer = MogrifierLSTM(300, rank=40, num_rounds=1, initialization=Initialization(kind="uniform", scale=0.01))
    layer.build((None, None, 200))
    left, right = (np.asarray(layer.modulations[f"modulation_1_{side}"].value) for side in ("left", "right"))
    assert not np.array_equal(left[:40, :40], right[:40, :40])
    assert np.var(left @ right) == pytest.approx(1 / 300, rel=0.5)


def test_the_rounds_have_different_initial_weights() -> None:
    modulations = built().modulations
    assert not np.array_equal(modulations["modulation_1_kernel"].value, modulations["modulation_3_kernel"].value)
