from typing import Any

import keras
import numpy as np
import pytest

from nextword.model.architecture import Architecture
from nextword.model.layers.gru import GRU
from nextword.model.layers.initialization import Initialization
from nextword.model.layers.lstm import LSTM
from nextword.model.layers.mogrifier_lstm import MogrifierLSTM
from nextword.model.layers.rnn import RNN
from nextword.model.ops.lstm import LSTMState
from nextword.model.recurrent_stack import RecurrentStack, make_recurrent_layer

RATES = ("input_dropout_rate", "hidden_dropout_rate", "output_dropout_rate")

RECURRENT_LAYER_RATES: dict[str, Any] = {"state_dropout_rate": 0.25, "weight_drop_rate": 0.75}


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
        ({"forget_bias": 0.5}, LSTM, {"forget_bias": 0.5, "cap_input_gate": False, "layer_normalization": False}),
        ({"cap_input_gate": True}, LSTM, {"forget_bias": 1.0, "cap_input_gate": True, "layer_normalization": False}),
        ({"layer_normalization": True}, LSTM, {"layer_normalization": True}),
        (
            {"cell": "mogrifier_lstm", "mogrifier_rounds": 3, "mogrifier_rank": 2, "cap_input_gate": True},
            MogrifierLSTM,
            {"num_rounds": 3, "rank": 2, "forget_bias": 1.0, "cap_input_gate": True},
        ),
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
