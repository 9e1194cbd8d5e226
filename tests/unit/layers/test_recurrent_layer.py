from typing import Any

import pytest

from nextword.architecture import Architecture
from nextword.layers.gru import GRU
from nextword.layers.initialization import Initialization
from nextword.layers.lstm import LSTM
from nextword.layers.mogrifier_lstm import MogrifierLSTM
from nextword.layers.recurrent_layer import make_recurrent_layer
from nextword.layers.rnn import RNN

RATES: dict[str, Any] = {"state_dropout_rate": 0.25, "weight_drop_rate": 0.75}


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
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
def test_the_layer_is_the_one_that_the_architecture_describes(
    changes: dict[str, Any], kind: type, said: dict[str, Any]
) -> None:
    architecture = Architecture(vocabulary_size=9, embedding_size=3, hidden_sizes=(5, 4), **RATES, **changes)
    initialization = Initialization(kind="uniform", scale=0.2, seed=7)
    layer = make_recurrent_layer(architecture, 1, initialization=initialization, compute_dtype="bfloat16")
    config = layer.get_config()
    assert type(layer) is kind
    assert layer.name == f"{architecture.cell}_1"
    assert {name: config[name] for name in said} == said
    assert {name: config[name] for name in RATES} == RATES
    assert (config["hidden_size"], config["compute_dtype"]) == (4, "bfloat16")
    assert config["initialization"] == initialization.to_table()
