"""A model in eight bits is small and close, and multiplies in int8."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from nextword.engine.onnx_engine import OnnxEngine
from nextword.export.language_model_graph import language_model_graph
from nextword.export.quantization import quantized
from nextword.model.architecture import Architecture

SIZES: dict[str, Any] = {"vocabulary_size": 120, "embedding_size": 32, "hidden_sizes": (32, 32)}


def weights_of(architecture: Architecture) -> dict[str, NDArray[np.float32]]:
    random, shapes = np.random.default_rng(1), architecture.weight_shapes()
    return {name: (0.3 * random.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}


def log_probs_of(model: onnx.ModelProto, architecture: Architecture) -> NDArray[np.float32]:
    ids = np.random.default_rng(2).integers(120, size=(3, 6), dtype=np.int32)
    engine = OnnxEngine(model.SerializeToString(), architecture=architecture, end_id=1)
    return engine.predict_window(ids, engine.start(3))[0].log_probs


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tied": True},
        {"cell": "mogrifier_lstm", "mogrifier_rank": 8},
        {"cap_input_gate": True, "layer_normalization": True},
        {"cell": "gru"},
        {"mixture_size": 2, "tied": True},
        {"adaptive_cutoffs": (40, 90)},
        {"narrowed_output": True},
    ],
    ids=str,
)
def test_eight_bits_are_smaller_and_close(changes: dict[str, Any]) -> None:
    architecture = Architecture(**{**SIZES, **changes})
    model = language_model_graph(architecture, weights_of(architecture))
    int8 = quantized(model)
    onnx.checker.check_model(int8)
    assert len(int8.SerializeToString()) < 0.8 * len(model.SerializeToString())
    found, expected = log_probs_of(int8, architecture), log_probs_of(model, architecture)
    assert 0 < np.abs(found - expected).max() < 0.1


def test_the_recurrence_is_the_native_operator() -> None:
    architecture = Architecture(**SIZES)
    operators = [
        node.op_type for node in quantized(language_model_graph(architecture, weights_of(architecture))).graph.node
    ]
    assert operators.count("DynamicQuantizeLSTM") == 2
    assert operators.count("MatMulInteger") == 1
    assert not {"LSTM", "MatMul", "Gemm"} & set(operators)


def test_the_model_that_is_given_stays_as_it_is() -> None:
    architecture = Architecture(**SIZES)
    model = language_model_graph(architecture, weights_of(architecture))
    before = model.SerializeToString()
    quantized(model)
    assert model.SerializeToString() == before


def largest_of_columns(architecture: Architecture, weights: Mapping[str, NDArray[np.float32]]) -> NDArray[np.int64]:
    tensors = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in quantized(language_model_graph(architecture, weights)).graph.initializer
    }
    (name,) = (name for name in tensors if name.startswith("lstm_weights_0_recurrent_kernel") and "quantized" in name)
    largest: NDArray[np.int64] = np.abs(tensors[name].astype(np.int64)).max(axis=(0, 1))
    return largest


def test_each_column_has_a_scale_of_its_own_and_no_sum_of_two_products_overflows_sixteen_bits() -> None:
    architecture = Architecture(**SIZES)
    weights = weights_of(architecture)
    weights["lstm_0/recurrent_kernel"] = weights["lstm_0/recurrent_kernel"] * np.logspace(-2, 0, 128, dtype=np.float32)
    largest = largest_of_columns(architecture, weights)
    assert largest.shape == (128,)
    assert set(largest.tolist()) <= {63, 64}  # two products with 255 stay below 2**15


@pytest.mark.parametrize("changes", [{}, {"mixture_size": 2}, {"narrowed_output": True}, {"cell": "gru"}], ids=str)
def test_a_tied_matrix_is_stored_once(changes: dict[str, Any]) -> None:
    architecture = Architecture(**SIZES, tied=True, **changes)
    weights = weights_of(architecture)
    model = quantized(language_model_graph(architecture, weights))
    shapes = [tuple(tensor.dims) for tensor in model.graph.initializer]
    assert shapes.count((120, 32)) + shapes.count((32, 120)) == 1
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    rounded = tensors["embeddings_quantized"].astype(np.float32) * tensors["embeddings_scale"]
    expected = weights["embedding/embeddings"]
    np.testing.assert_allclose(rounded, expected, atol=1.05 * np.abs(expected).max() / 128)


def test_a_matrix_that_is_not_tied_is_stored_as_the_library_does() -> None:
    model = quantized(language_model_graph(architecture := Architecture(**SIZES), weights_of(architecture)))
    shapes = [tuple(tensor.dims) for tensor in model.graph.initializer]
    assert (shapes.count((120, 32)), shapes.count((32, 120))) == (1, 1)


def test_onnxruntime_transposes_a_shared_matrix_when_it_loads_the_model_and_never_again(tmp_path: Path) -> None:
    architecture = Architecture(**SIZES, tied=True)
    model = quantized(language_model_graph(architecture, weights_of(architecture)))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert operators.count("Transpose") == 2  # of the tokens and of the hidden states
    assert operators.count("DynamicQuantizeMatMul") == 1
