"""Training, storage, evaluation and generation with every kind of recurrent layer."""

from typing import Any, get_args

import keras
import numpy as np
import pytest

from nextword.export.language_model_graph import GRAPHS, language_model_graph
from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS, CellName
from nextword.model.language_model import LanguageModel
from nextword.model.layers.recurrence import LAYERS
from nextword.training.step.stream_model import StreamModel
from support.slow import rest_slow

VARIANTS: dict[str, dict[str, Any]] = {
    "lstm": {},
    "modulated": {"state_modulation": True},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
}
every_cell = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())


def architecture(options: dict[str, Any], **changes: Any) -> Architecture:
    return Architecture(**{"vocabulary_size": 6, "embedding_size": 4, "hidden_sizes": (5, 3), **options, **changes})


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_has_a_title_a_layer_and_a_graph(name: CellName) -> None:
    row, model = CELLS[name], LanguageModel(architecture({"cell": name}))
    layer = model.stack.recurrent_layers[0]
    assert row.title
    assert row.state[0] == "hidden"
    assert type(layer) is LAYERS[name]
    assert layer.kind is row
    assert layer.initial_state(1)._fields == row.state
    assert language_model_graph(model.architecture, model.named_weights()).graph.node


def test_settings_and_graphs_have_the_same_cells() -> None:
    assert get_args(CellName) == tuple(CELLS)
    assert GRAPHS.keys() == CELLS.keys()


@every_cell
def test_the_weights_match_the_architecture(options: dict[str, Any]) -> None:
    model = LanguageModel(architecture(options))
    shapes = {name: array.shape for name, array in model.named_weights().items()}
    assert list(shapes.items()) == list(model.architecture.weight_shapes().items())
    assert model.count_params() == model.architecture.num_parameters


@pytest.mark.parametrize("options", rest_slow(VARIANTS.values(), quick=2), ids=VARIANTS.keys())
def test_training_carries_the_state_and_lowers_the_loss(options: dict[str, Any]) -> None:
    model = LanguageModel(architecture(options, weight_drop_rate=0.1, initializer_scale=1.0))
    stream = StreamModel(model, batch_size=2)
    stream.compile(optimizer=keras.optimizers.Adam(0.06))
    tokens = np.tile(np.arange(2, 6, dtype=np.int32), (2, 2))  # a b c d a b c d
    batch = {"tokens": tokens, "reset": np.zeros(2, bool)}, np.roll(tokens, -1, axis=1), np.ones((2, 8), np.float32)
    losses = []
    for _ in range(40):
        losses.append(float(stream.train_on_batch(*batch, return_dict=True)["loss"]))
        stream.reset_metrics()
    assert losses[-1] < 0.75 * losses[0]
    hiddens = [weight for weight in stream.train_state.weights if "hidden" in weight.name]
    assert all(np.any(weight.value) for weight in hiddens)
