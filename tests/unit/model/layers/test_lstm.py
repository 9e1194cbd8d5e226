from typing import Any

import numpy as np
import pytest

from nextword.model.layers.initialization import Initialization
from nextword.model.layers.lstm import LSTM
from nextword.model.ops.lstm import LSTMState


def built(**options: Any) -> LSTM:
    layer = LSTM(3, **options)
    layer.build((None, None, 5))
    return layer


@pytest.mark.parametrize("kind", ["glorot", "uniform"])
@pytest.mark.parametrize("forget_bias", [1.0, 0.0, -2.5])
def test_only_the_forget_gate_begins_with_a_bias(kind: Any, forget_bias: float) -> None:
    layer = built(forget_bias=forget_bias, initialization=Initialization(kind=kind))
    assert np.asarray(layer.bias.value).tolist() == [0.0] * 3 + [forget_bias] * 3 + [0.0] * 6


def test_an_open_forget_gate_keeps_the_cell() -> None:
    cell = np.array([[0.3, -0.7, 2.0]], np.float32)
    kept = {}
    for forget_bias in (-30.0, 30.0):
        layer = built(forget_bias=forget_bias)
        layer.kernel.assign(np.zeros((5, 12)))
        layer.recurrent_kernel.assign(np.zeros((3, 12)))
        _, state = layer(np.ones((1, 4, 5), np.float32), LSTMState(np.zeros_like(cell), cell))
        kept[forget_bias] = np.asarray(state.cell)
    np.testing.assert_allclose(kept[30.0], cell, rtol=1e-6)
    np.testing.assert_allclose(kept[-30.0], 0, atol=1e-6)


def test_a_plain_tuple_is_accepted_as_a_state() -> None:
    layer, inputs = built(), np.ones((2, 4, 5), np.float32)
    state = layer.initial_state(2)
    np.testing.assert_array_equal(layer(inputs, tuple(state))[0], layer(inputs, state)[0])
