"""Weights, state and recurrent dropout of all recurrent layers."""

from typing import Any

import numpy as np
import pytest

from nextword.model.layers.initialization import Initialization
from nextword.model.layers.recurrence import GRU, LSTM, RNN, STATE_TYPES, Recurrence, RecurrentState

WIDTH = 4
LAYERS: dict[str, Any] = {
    "lstm": lambda **options: LSTM(WIDTH, **options),
    "modulated": lambda **options: LSTM(WIDTH, state_modulation=True, **options),
    "gru": lambda **options: GRU(WIDTH, **options),
    "rnn": lambda **options: RNN(WIDTH, **options),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def state_for(layer: Recurrence, batch_size: int) -> RecurrentState:
    """Return a state of the layer with distinct arrays."""
    parts = [factor * numbers(batch_size, WIDTH) for factor in range(1, 1 + len(layer.kind.state))]
    return STATE_TYPES[layer.kind.state](*parts)


@every_layer
def test_the_first_state_has_zeros_in_all_arrays_of_the_layer(make: Any) -> None:
    layer = make()
    state = layer.initial_state(3)
    assert state._fields == layer.kind.state
    assert [np.asarray(part).tolist() for part in state] == [[[0.0] * WIDTH] * 3] * len(layer.kind.state)


@every_layer
def test_the_last_state_keeps_its_type_and_holds_the_last_output(make: Any) -> None:
    layer = make()
    state = state_for(layer, 2)
    outputs, after = layer(numbers(2, 5, 3), state)
    assert type(after) is type(state)
    np.testing.assert_array_equal(after.hidden, outputs[:, -1])


@every_layer
def test_weight_drop_acts_only_in_training_and_changes_with_every_window(make: Any) -> None:
    plain, layer = make(name="layer"), make(name="layer", weight_drop_rate=0.5)
    inputs, state = numbers(2, 5, 3), state_for(plain, 2)
    expected = plain(inputs, state)[0]
    np.testing.assert_array_equal(layer(inputs, state)[0], expected)
    np.testing.assert_array_equal(plain(inputs, state, training=True)[0], expected)
    one, other = (np.asarray(layer(inputs, state, training=True)[0]) for _ in range(2))
    assert not np.allclose(one, expected, atol=1e-4)
    assert not np.allclose(one, other, atol=1e-4)
    again = make(name="layer", weight_drop_rate=0.5)
    np.testing.assert_array_equal(again(inputs, state, training=True)[0], one)


@every_layer
def test_the_lower_precision_is_only_for_training(make: Any) -> None:
    exact, coarse = make(name="layer"), make(name="layer", compute_dtype="bfloat16")
    inputs, state = numbers(2, 5, 3), state_for(exact, 2)
    expected = np.asarray(exact(inputs, state)[0])
    np.testing.assert_array_equal(coarse(inputs, state)[0], expected)
    assert not np.array_equal(coarse(inputs, state, training=True)[0], expected)


def test_a_dropout_with_rate_zero_stores_no_seed() -> None:
    assert make_variables(LSTM(WIDTH)) == 0
    assert make_variables(LSTM(WIDTH, weight_drop_rate=0.5)) == 1


def make_variables(layer: Recurrence) -> int:
    layer.build((None, None, 3))
    return len(layer.non_trainable_variables)


def built_lstm(**options: Any) -> LSTM:
    layer = LSTM(3, **options)
    layer.build((None, None, 5))
    return layer


@pytest.mark.parametrize("kind", ["glorot", "uniform"])
@pytest.mark.parametrize("forget_bias", [1.0, 0.0, -2.5])
def test_only_the_forget_gate_begins_with_a_bias(kind: Any, forget_bias: float) -> None:
    layer = built_lstm(forget_bias=forget_bias, initialization=Initialization(kind=kind))
    assert np.asarray(layer.bias.value).tolist() == [0.0] * 3 + [forget_bias] * 3 + [0.0] * 6


def test_a_plain_tuple_is_accepted_as_a_state() -> None:
    layer, inputs = built_lstm(), np.ones((2, 4, 5), np.float32)
    state = layer.initial_state(2)
    np.testing.assert_array_equal(layer(inputs, tuple(state))[0], layer(inputs, state)[0])
