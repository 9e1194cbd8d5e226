from typing import Any

import jax
import keras
import numpy as np
import pytest

from nextword.model.architecture import Architecture
from nextword.model.layers.initialization import Initialization
from nextword.model.layers.recurrence import GRU, LSTM, RNN, HiddenState
from nextword.model.ops.lstm import LSTMState
from nextword.model.recurrent_stack import CarriedState, RecurrentStack, make_recurrent_layer

RATES = ("input_dropout_rate", "hidden_dropout_rate", "output_dropout_rate")

RECURRENT_LAYER_RATES: dict[str, Any] = {"weight_drop_rate": 0.75}


def stack(**changes: Any) -> RecurrentStack:
    sizes = {"vocabulary_size": 7, "embedding_size": 5, "hidden_sizes": (4, 6)}
    return RecurrentStack(Architecture(**{**sizes, **changes}), name="stack")


def inputs(batch_size: int = 2) -> Any:
    return np.random.default_rng(0).normal(size=(batch_size, 3, 5)).astype(np.float32)


def assert_same(ours: Any, theirs: Any) -> None:
    keras.tree.map_structure(np.testing.assert_array_equal, ours, theirs)


def test_each_layer_reads_the_layer_below() -> None:
    layers = stack()
    state = layers.initial_state(2)
    hidden, after = layers(inputs(), state)
    below, first = layers.recurrent_layers[0](inputs(), state[0])
    above, second = layers.recurrent_layers[1](below, state[1])
    np.testing.assert_allclose(hidden, above, atol=1e-6)
    keras.tree.map_structure(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), after, (first, second))
    assert all(isinstance(layer_state, LSTMState) for layer_state in after)


def test_a_state_for_another_number_of_layers_is_refused() -> None:
    layers = stack()
    with pytest.raises(ValueError, match="zip"):
        layers(inputs(), layers.initial_state(2)[:1])


@pytest.mark.parametrize("rate", RATES)
def test_each_dropout_acts_in_training_and_never_in_prediction(rate: str) -> None:
    without, layers = stack(), stack(**{rate: 0.5})
    state = layers.initial_state(2)
    expected = without(inputs(), state)
    assert_same(layers(inputs(), state), expected)
    assert_same(layers(inputs(), state, training=False), expected)
    assert_same(without(inputs(), state, training=True), expected)
    assert not np.array_equal(layers(inputs(), state, training=True)[0], expected[0])


def test_dropout_acts_before_between_and_after_the_layers() -> None:
    layers = stack(hidden_sizes=(4, 6, 3), input_dropout_rate=0.1, hidden_dropout_rate=0.2, output_dropout_rate=0.3)
    assert [dropout.rate for dropout in layers.dropouts] == [0.1, 0.2, 0.2, 0.3]


def test_dropout_after_the_last_layer_does_not_affect_the_state() -> None:
    layers = stack(output_dropout_rate=0.9)
    state = layers.initial_state(2)
    hidden, after = layers(inputs(), state, training=True)
    assert (np.asarray(hidden) == 0).any()
    assert_same(after, layers(inputs(), state)[1])


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({"cell": "rnn"}, RNN, {}),
        ({"cell": "gru"}, GRU, {}),
        ({"forget_bias": 0.5}, LSTM, {"forget_bias": 0.5, "state_modulation": False}),
        ({"state_modulation": True}, LSTM, {"state_modulation": True}),
    ],
)
def test_the_layer_matches_the_architecture(changes: dict[str, Any], kind: type, expected: dict[str, Any]) -> None:
    architecture = Architecture(
        vocabulary_size=9, embedding_size=3, hidden_sizes=(5, 4), **RECURRENT_LAYER_RATES, **changes
    )
    initialization = Initialization(kind="uniform", scale=0.2, seed=7)
    layer = make_recurrent_layer(architecture, 1, initialization=initialization, compute_dtype="bfloat16")
    config = layer.get_config()
    assert type(layer) is kind
    assert layer.name == f"{architecture.cell}_1"
    assert {name: config[name] for name in expected} == expected
    assert {name: config[name] for name in RECURRENT_LAYER_RATES} == RECURRENT_LAYER_RATES
    assert (config["hidden_size"], config["compute_dtype"]) == (4, "bfloat16")
    assert config["initialization"] == initialization.to_table()


NO_RESET = np.array([False, False, False])


def state_of(start: float) -> tuple[LSTMState, ...]:
    """Return a state of distinct numbers for layers of width 2 and 4."""
    sizes = (2, 2, 4, 4)
    arrays = [np.arange(3 * size, dtype=np.float32).reshape(3, size) + start + 100 * k for k, size in enumerate(sizes)]
    return LSTMState(*arrays[:2]), LSTMState(*arrays[2:])


def test_the_first_state_is_zero() -> None:
    assert_same(CarriedState((2, 4), 3)(NO_RESET), jax.tree.map(np.zeros_like, state_of(1)))


def test_an_assigned_state_is_returned() -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    assert_same(carried(NO_RESET), state_of(1))
    carried.assign(state_of(7))
    assert_same(carried(NO_RESET), state_of(7))


@pytest.mark.parametrize("reset", [[True, False, False], [False, True, True], [True, True, True]])
def test_exactly_the_rows_to_reset_begin_at_zero(reset: list[bool]) -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    keep = ~np.array(reset)[:, None]
    assert_same(carried(np.array(reset)), jax.tree.map(lambda array: np.where(keep, array, 0), state_of(1)))


def test_it_holds_exactly_the_arrays_of_the_cell() -> None:
    carried = CarriedState((2, 4), 3, cell="gru")
    assert [weight.name for weight in carried.weights] == ["hidden_0", "hidden_1"]
    state = tuple(HiddenState(lstm.hidden) for lstm in state_of(1))
    carried.assign(state)
    assert_same(carried(NO_RESET), state)


def test_reading_changes_nothing() -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    carried(np.array([True, True, True]))
    assert_same(carried(NO_RESET), state_of(1))


def test_the_state_is_in_weights_that_are_saved_and_not_trained() -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    assert not carried.trainable_weights
    assert [weight.shape for weight in carried.non_trainable_weights] == [(3, 2), (3, 4), (3, 2), (3, 4)]
    another = CarriedState((2, 4), 3)
    another.set_weights(carried.get_weights())
    assert_same(another(NO_RESET), state_of(1))


def test_no_gradient_flows_into_the_previous_window() -> None:
    carried = CarriedState((2, 4), 3)

    def carried_sum(state: Any) -> Any:
        with keras.StatelessScope() as scope:
            carried.assign(state)
        return sum(scope.get_current_value(variable).sum() for variable in carried.variables)

    total, gradient = jax.value_and_grad(carried_sum)(state_of(1))
    assert total > 0
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient))
