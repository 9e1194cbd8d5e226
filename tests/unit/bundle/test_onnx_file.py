"""A `model.onnx` is let through as it was exported, and refused where it reaches out or computes by other means."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from nextword.bundle.onnx_file import HIDDEN, check_onnx_file, state_widths
from nextword.engine.onnx_engine import OnnxEngine
from nextword.errors import BundleError
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from support.random_weights import random_weights

SIZES: dict[str, Any] = {"vocabulary_size": 11, "embedding_size": 4, "hidden_sizes": (5, 4)}
ARCHITECTURE = Architecture(**SIZES)

Change = Callable[[onnx.ModelProto], None]


def model_of(architecture: Architecture, *, int8: bool = False) -> onnx.ModelProto:
    return language_model_graph(architecture, random_weights(architecture), int8=int8)


MODEL = model_of(ARCHITECTURE)
DATA = MODEL.SerializeToString()


def refusal(data: bytes) -> str:
    with pytest.raises(BundleError) as error:
        check_onnx_file(data, ARCHITECTURE)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300
    return str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tied": True},
        {"state_modulation": True},
        {"hidden_sizes": (3,) * 16, "state_modulation": True},
        {"cell": "gru", "tied": True, "hidden_sizes": (4, 4)},
        {"cell": "rnn"},
    ],
    ids=str,
)
def test_whatever_is_exported_is_let_through_and_tells_its_precision(changes: dict[str, Any]) -> None:
    architecture = Architecture(**{**SIZES, **changes})
    for int8, precision in ((False, "float32"), (True, "int8")):
        data = model_of(architecture, int8=int8).SerializeToString()
        assert check_onnx_file(data, architecture) == precision


def name_another_file(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")


def name_another_file_quietly(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def say_that_data_lie_elsewhere(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def hide_a_file_in_a_sparse_tensor(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.external_data.add(key="location", value="x")


def hide_a_file_in_an_attribute(model: onnx.ModelProto) -> None:
    value = numpy_helper.from_array(np.zeros(1, np.float32))
    value.external_data.add(key="location", value="x")
    model.graph.node[0].attribute.append(helper.make_attribute("value", value))


def add_function(model: onnx.ModelProto) -> None:
    model.functions.add(name="f", domain="d")


def add_training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def use_other_operators(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("evil.domain", 1))


def use_an_operator_of_another_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "evil.domain"


def use_an_operator_that_is_not_ours(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "ConstantOfShape"


def nest_loops(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [])
    node = helper.make_node("Scan", [], [], body=inner, num_scan_inputs=1)
    outer = helper.make_graph([node], "outer", [], [])
    model.graph.node.append(helper.make_node("Scan", [], [], body=outer, num_scan_inputs=1))


def hide_an_operator_in_a_loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([helper.make_node("ConstantOfShape", ["x"], ["y"])], "body", [], [])
    model.graph.node.append(helper.make_node("Scan", [], [], body=body, num_scan_inputs=1))


def promise_much(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [2**40, 4]


def promise_much_in_many_dimensions(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [1] * 9


def add_many_nodes(model: onnx.ModelProto) -> None:
    model.graph.node.extend([helper.make_node("Add", [HIDDEN, HIDDEN], ["x"])] * 30)


def concatenation(model: onnx.ModelProto) -> onnx.NodeProto:
    """Return the only node that may concatenate."""
    node: onnx.NodeProto = next(node for node in model.graph.node if node.op_type == "Concat")
    return node


def repeat_a_result_in_a_concatenation(model: onnx.ModelProto) -> None:
    concatenation(model).input[:] = ["log_probs"] * 2


def concatenate_constants_again(model: onnx.ModelProto) -> None:
    names = [tensor.name for tensor in model.graph.initializer]
    model.graph.node.append(helper.make_node("Concat", names, ["all"], axis=0))


def add_a_column_and_a_row(model: onnx.ModelProto) -> None:
    for name, shape in (("column", (100, 1)), ("row", (1, 100))):
        model.graph.initializer.append(numpy_helper.from_array(np.ones(shape, np.float32), name))
    model.graph.node.append(helper.make_node("Add", ["column", "row"], ["square"]))


def add_constants_in_a_loop(model: onnx.ModelProto) -> None:
    tensors = [numpy_helper.from_array(np.ones(100, np.float32), name) for name in ("log_probs", "hidden")]
    body = helper.make_graph([helper.make_node("Add", ["log_probs", "hidden"], ["sum"])], "body", [], [], tensors)
    model.graph.node.append(helper.make_node("Scan", ["log_probs"], [], body=body, num_scan_inputs=1))


def hide_a_result_in_a_loop(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("Transpose", ["embeddings"], ["hidden"]), helper.make_node("Add", ["hidden"] * 2, ["x"])]
    body = helper.make_graph(nodes, "body", [], [])
    model.graph.node.append(helper.make_node("Scan", ["log_probs"], [], body=body, num_scan_inputs=1))


def square_a_shape(model: onnx.ModelProto) -> None:
    shape = next(node.output[0] for node in model.graph.node if node.op_type == "Shape")
    model.graph.node.append(helper.make_node("Mul", [shape, shape], ["squared"]))


def call_a_constant_an_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, None))
    model.graph.node.append(helper.make_node("Add", ["embeddings", "embeddings"], ["sum"]))


def give_a_loop_two_bodies(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Scan", ["log_probs"], [], body=body, other=body, num_scan_inputs=1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (name_another_file, "no field 1[34] in a tensor"),
        (name_another_file_quietly, "no field 13 in a tensor"),
        (say_that_data_lie_elsewhere, "no field 14 in a tensor"),
        (hide_a_file_in_a_sparse_tensor, "no field 15 in a graph"),
        (hide_a_file_in_an_attribute, "no field 5 in an attribute"),
        (add_function, "no field 25 in a model"),
        (add_training, "no field 20 in a model"),
        (use_other_operators, "operators of ONNX and onnxruntime alone"),
        (use_an_operator_of_another_domain, "operators of ONNX and onnxruntime alone"),
        (use_an_operator_that_is_not_ours, "has b'ConstantOfShape'"),
        (hide_an_operator_in_a_loop, "has b'ConstantOfShape'"),
        (nest_loops, "no loop inside a loop"),
        (promise_much, "has a tensor of 1099511627776 in .* bytes"),
        (promise_much_in_many_dimensions, "tensors of at most 8 dimensions"),
        (add_many_nodes, "the operator Add at most 14 times, as its architecture needs"),
        (repeat_a_result_in_a_concatenation, "no Concat of a result with itself"),
        (concatenate_constants_again, "the operator Concat at most 1 times"),
        (add_a_column_and_a_row, "the operator Add on constants alone"),
        (add_constants_in_a_loop, "the operator Add on constants alone"),
        (hide_a_result_in_a_loop, "the operator Add on constants alone"),
        (square_a_shape, "the operator Mul on constants alone"),
        (call_a_constant_an_input, "the operator Add on constants alone"),
        (give_a_loop_two_bodies, "one graph in each loop, but holds 2"),
    ],
)
def test_a_hostile_file_is_refused(change: Change, said: str) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(MODEL)
    change(model)
    with pytest.raises(BundleError, match=said):
        check_onnx_file(model.SerializeToString(), ARCHITECTURE)
    with pytest.raises(BundleError, match=said):
        OnnxEngine(model.SerializeToString(), architecture=ARCHITECTURE, end_id=1)


@pytest.mark.parametrize(
    "data", [b"", b"anything", b"\x00", b"\x08" + b"\xff" * 11, b"\x3a\xff\x01", b"\x3b", b"\x38\x01"]
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    assert "`model.onnx` must" in refusal(data)


def test_dimensions_without_limit_are_refused_at_once() -> None:
    dimension, wide = b"\xff" * 8 + b"\x7f", Architecture(**{**SIZES, "vocabulary_size": 30_000})

    def field(number: int, content: bytes) -> bytes:
        length = len(content)
        return bytes([number << 3 | 2, 128 | length & 127, 128 | length >> 7 & 127, length >> 14]) + content

    data = field(7, field(5, field(1, dimension * 100_000)))  # 2**63 - 1, a hundred thousand times
    began = time.process_time()
    with pytest.raises(BundleError, match="must hold all numbers of its tensors") as error:
        check_onnx_file(data, wide)
    assert time.process_time() - began < 0.5
    assert len(str(error.value)) < 300


def test_a_file_that_is_longer_than_its_architecture_can_need_is_refused() -> None:
    most = 2**20 + 8 * ARCHITECTURE.num_parameters
    assert f"must be at most {most} bytes long, but is {most + 1}" in refusal(bytes(most + 1))


@given(st.data())
def test_changed_bytes_anywhere_are_refused_or_let_through_but_never_more(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(DATA)))
    changed = DATA[:start] + data.draw(st.binary(max_size=8)) + DATA[start + data.draw(st.integers(0, 8)) :]
    with suppress(BundleError):
        check_onnx_file(changed, ARCHITECTURE)


def test_a_model_of_another_architecture_is_refused() -> None:
    wider = Architecture(**{**SIZES, "hidden_sizes": (5, 5)})
    with pytest.raises(BundleError, match="must have the inputs and outputs of its architecture"):
        OnnxEngine(DATA, architecture=wider, end_id=1)


def test_what_onnxruntime_does_not_run_is_refused_in_a_line(tmp_path: Path) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(MODEL)
    gather = next(node for node in model.graph.node if node.op_type == "Gather")
    gather.input[0] = "nothing"
    with pytest.raises(BundleError, match=r"must load in onnxruntime .*, but does not: .*; export the model again"):
        OnnxEngine(model.SerializeToString(), architecture=ARCHITECTURE, end_id=1)


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("lstm", ["hidden_0", "cell_0", "hidden_1", "cell_1"]),
        ("gru", ["hidden_0", "hidden_1"]),
        ("rnn", ["hidden_0", "hidden_1"]),
    ],
)
def test_a_state_has_what_the_cell_carries(cell: str, names: list[str]) -> None:
    table = {"vocabulary_size": 9, "embedding_size": 2, "hidden_sizes": (4, 3), "cell": cell}
    widths = state_widths(Architecture.from_table(table))
    assert list(widths) == names
    assert all(width == (4 if name.endswith("0") else 3) for name, width in widths.items())
