from typing import Any

import numpy as np
import pytest

from nextword.model.layers.initialization import Initialization
from nextword.model.layers.lstm import LSTM


def built(**options: Any) -> LSTM:
    layer = LSTM(3, **options)
    layer.build((None, None, 5))
    return layer


@pytest.mark.parametrize("kind", ["glorot", "uniform"])
@pytest.mark.parametrize("forget_bias", [1.0, 0.0, -2.5])
def test_only_the_forget_gate_begins_with_a_bias(kind: Any, forget_bias: float) -> None:
    layer = built(forget_bias=forget_bias, initialization=Initialization(kind=kind))
    assert np.asarray(layer.bias.value).tolist() == [0.0] * 3 + [forget_bias] * 3 + [0.0] * 6


def test_a_plain_tuple_is_accepted_as_a_state() -> None:
    layer, inputs = built(), np.ones((2, 4, 5), np.float32)
    state = layer.initial_state(2)
    np.testing.assert_array_equal(layer(inputs, tuple(state))[0], layer(inputs, state)[0])
