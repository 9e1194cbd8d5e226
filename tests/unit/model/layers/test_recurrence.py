"""Weights, state and recurrent dropout of all recurrent layers."""

from typing import Any

import numpy as np
import pytest

from nextword.model.layers.gru import GRU
from nextword.model.layers.lstm import LSTM
from nextword.model.layers.mogrifier_lstm import MogrifierLSTM
from nextword.model.layers.recurrence import STATE_TYPES, HiddenState, Recurrence, RecurrentState
from nextword.model.layers.rnn import RNN

WIDTH = 4
LAYERS: dict[str, Any] = {
    "lstm": lambda **options: LSTM(WIDTH, **options),
    "normalized": lambda **options: LSTM(WIDTH, layer_normalization=True, **options),
    "modulated": lambda **options: LSTM(WIDTH, state_modulation=True, **options),
    "mogrifier": lambda **options: MogrifierLSTM(WIDTH, num_rounds=2, **options),
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
@pytest.mark.parametrize("rate", ["state_dropout_rate", "weight_drop_rate"])
def test_dropouts_act_only_in_training_and_change_with_every_window(make: Any, rate: str) -> None:
    plain, layer = make(name="layer"), make(name="layer", **{rate: 0.5})
    inputs, state = numbers(2, 5, 3), state_for(plain, 2)
    expected = plain(inputs, state)[0]
    np.testing.assert_array_equal(layer(inputs, state)[0], expected)
    np.testing.assert_array_equal(plain(inputs, state, training=True)[0], expected)
    one, other = (np.asarray(layer(inputs, state, training=True)[0]) for _ in range(2))
    assert not np.allclose(one, expected, atol=1e-4)
    assert not np.allclose(one, other, atol=1e-4)
    again = make(name="layer", **{rate: 0.5})
    np.testing.assert_array_equal(again(inputs, state, training=True)[0], one)


@every_layer
def test_the_lower_precision_is_only_for_training(make: Any) -> None:
    exact, coarse = make(name="layer"), make(name="layer", compute_dtype="bfloat16")
    inputs, state = numbers(2, 5, 3), state_for(exact, 2)
    expected = np.asarray(exact(inputs, state)[0])
    np.testing.assert_array_equal(coarse(inputs, state)[0], expected)
    assert not np.array_equal(coarse(inputs, state, training=True)[0], expected)


def copying_rnn(rate: float, width: int) -> RNN:
    """Return a layer in which each unit reads only itself and hardly changes."""
    layer = RNN(width, state_dropout_rate=rate)
    layer.build((None, None, 1))
    layer.kernel.assign(np.zeros((1, width)))
    layer.recurrent_kernel.assign(np.eye(width))
    return layer


def test_all_steps_of_a_window_drop_the_same_units() -> None:
    layer, width = copying_rnn(0.3, width=200), 200
    hidden = np.full((3, width), 1e-3, np.float32)
    outputs, _ = layer(np.zeros((3, 4, 1), np.float32), HiddenState(hidden), training=True)
    factors = np.asarray(outputs) / np.asarray([1e-3 / 0.7 ** (t + 1) for t in range(4)])[None, :, None]
    np.testing.assert_allclose(factors, np.broadcast_to(np.round(factors[:, :1]), factors.shape), atol=1e-3)
    assert set(np.round(factors[:, 0]).ravel().tolist()) == {0.0, 1.0}
    assert np.mean(factors[:, 0] < 0.5) == pytest.approx(0.3, abs=0.1)
    assert not np.array_equal(factors[0, 0] < 0.5, factors[1, 0] < 0.5)  # rows have different masks


def test_the_last_state_is_not_masked() -> None:
    layer = LSTM(WIDTH, state_dropout_rate=0.5)
    outputs, after = layer(numbers(2, 5, 3), state_for(layer, 2), training=True)
    np.testing.assert_array_equal(outputs[:, -1], after.hidden)
    assert np.all(np.asarray(after.hidden))


def test_a_dropout_with_rate_zero_stores_no_seed() -> None:
    assert make_variables(LSTM(WIDTH)) == 0
    assert make_variables(LSTM(WIDTH, state_dropout_rate=0.5)) == 1


def make_variables(layer: Recurrence) -> int:
    layer.build((None, None, 3))
    return len(layer.non_trainable_variables)
