"""The shape of exported graphs; `tests/numerics/test_onnx_equations.py` shows that they compute the right thing."""

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from nextword.bundle.onnx_file import OPSET
from nextword.engine.onnx_engine import OnnxEngine
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture

Weights = dict[str, NDArray[np.float32]]


def shape_of(info: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def model_of(architecture: Architecture, **changes: Any) -> onnx.ModelProto:
    changed = architecture.replace(**changes)
    weights = {name: np.zeros(shape, np.float32) for name, shape in changed.weight_shapes().items()}
    return language_model_graph(changed, weights)


def test_inputs_and_outputs_are_named_and_of_any_batch_and_length(architecture: Architecture, weights: Weights) -> None:
    model = language_model_graph(architecture, weights)
    onnx.checker.check_model(model, full_check=True)
    states = {f"{kind}_{index}": [1, "B", width] for index, width in ((0, 5), (1, 6)) for kind in ("hidden", "cell")}
    assert {info.name: shape_of(info) for info in model.graph.input} == {"tokens": ["B", "T"], **states}
    assert {info.name: shape_of(info) for info in model.graph.output} == {
        "log_probs": ["B", "T", 10],
        "hidden": ["B", "T", 6],
        **{f"next_{name}": shape for name, shape in states.items()},
    }
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]


def test_the_same_model_is_exported_to_the_same_bytes(architecture: Architecture, weights: Weights) -> None:
    first, second = (language_model_graph(architecture, weights).SerializeToString() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("changes", "operator"),
    [({}, "LSTM"), ({"cell": "gru"}, "GRU"), ({"cell": "rnn"}, "RNN"), ({"state_modulation": True}, "Scan")],
    ids=str,
)
def test_a_layer_is_an_operator_where_there_is_one(
    architecture: Architecture, changes: dict[str, Any], operator: str
) -> None:
    operators = [node.op_type for node in model_of(architecture, **changes).graph.node]
    assert operators.count(operator) == 2
    assert not {"LSTM", "GRU", "RNN", "Scan"} - {operator} & set(operators)


def test_a_tied_embedding_is_kept_once(architecture: Architecture) -> None:
    large = [tensor for tensor in model_of(architecture).graph.initializer if 10 in tensor.dims and 6 in tensor.dims]
    assert [tensor.name for tensor in large] == ["embeddings"]


def test_no_weight_is_there_that_nothing_reads(architecture: Architecture) -> None:
    for cell in ("lstm", "gru", "rnn"):
        model = model_of(architecture, cell=cell)
        nodes = list(model.graph.node)
        nodes += [node for outer in model.graph.node for part in outer.attribute for node in part.g.node]
        read = {name for node in nodes for name in node.input}
        assert {tensor.name for tensor in model.graph.initializer} <= read


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 1), (4, 3)])
def test_one_graph_takes_windows_of_any_shape(
    architecture: Architecture, weights: Weights, shape: tuple[int, int]
) -> None:
    data = language_model_graph(architecture, weights).SerializeToString()
    engine = OnnxEngine(data, architecture=architecture, end_id=1)
    prediction, state = engine.predict_window(np.ones(shape, np.int32), engine.start(shape[0]))
    assert prediction.log_probs.shape == (*shape, 10)
    assert [part.shape for part in state] == [(1, shape[0], width) for width in (5, 5, 6, 6)]
