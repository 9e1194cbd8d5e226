import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from nextword.export.graph_builder import GraphBuilder


def test_every_result_has_a_name_of_its_own_also_in_a_body() -> None:
    builder = GraphBuilder()
    body = builder.body()
    names = [each.add("Add", "x", "y") for each in (builder, body, builder, builder.body())]
    assert len(set(names)) == 4
    assert len(builder.nodes) == 2
    assert len(body.nodes) == 1


def test_a_constant_is_kept_once_for_graph_and_bodies() -> None:
    builder = GraphBuilder()
    assert builder.integers(-1, 4) == builder.body().integers(-1, 4)
    assert builder.integers(1, 4) != builder.integers(-1, 4)
    assert len(builder.constants) == 2


@pytest.mark.parametrize("values", [(0,), (-1, 3), (2, -5, 7)])
def test_a_constant_of_integers_holds_them(values: tuple[int, ...]) -> None:
    builder = GraphBuilder()
    tensor = builder.constants[builder.integers(*values)]
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), np.array(values, np.int64), strict=True)


def test_a_renamed_result_is_read_by_its_new_name() -> None:
    builder = GraphBuilder()
    total = builder.add("Add", "x", builder.constant("one", np.ones(2, np.float32)))
    builder.rename(builder.add("Mul", total, total), "square")
    builder.rename(total, "total")
    floats = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "total", "square")]
    graph = helper.make_graph(builder.nodes, "g", floats[:1], floats[1:], list(builder.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    results = ReferenceEvaluator(model).run(None, {"x": np.array([1, 2], np.float32)})
    np.testing.assert_array_equal(results, [[2, 3], [4, 9]])
