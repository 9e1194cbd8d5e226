"""The embedding matrix in a `model.onnx` is that of the model, and a file that holds none is refused."""

from contextlib import suppress
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import numpy_helper

from nextword.bundle.onnx.embeddings import read_embeddings
from nextword.errors import BundleError
from nextword.export.export import quantized
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from support.random_weights import random_weights

SIZES: dict[str, Any] = {"vocabulary_size": 11, "embedding_size": 4, "hidden_sizes": (5, 4)}
ARCHITECTURE = Architecture(**SIZES)

Weights = dict[str, NDArray[np.float32]]


WEIGHTS = random_weights(ARCHITECTURE)
MODEL = language_model_graph(ARCHITECTURE, WEIGHTS)
INT8 = quantized(MODEL)
DATA = INT8.SerializeToString()


@pytest.mark.parametrize("tied", [False, True])
def test_the_embeddings_of_a_model_are_read_from_its_graph(*, tied: bool) -> None:
    architecture = ARCHITECTURE.replace(tied=tied)
    weights = random_weights(architecture)
    model, expected = language_model_graph(architecture, weights), weights["embedding/embeddings"]
    found = read_embeddings(model.SerializeToString(), architecture)
    np.testing.assert_array_equal(found, expected, strict=True)
    rounded = read_embeddings(quantized(model).SerializeToString(), architecture)
    assert rounded.dtype == np.float32
    # Half a step of 128 between the extremes of the matrix, for a symmetric range.
    np.testing.assert_allclose(rounded, expected, atol=2 * np.abs(expected).max() / 128 / 2 * 1.05)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_refused(number: float) -> None:
    weights = {**WEIGHTS, "embedding/embeddings": np.full((11, 4), number, np.float32)}
    with pytest.raises(BundleError, match="must hold finite numbers in its embedding matrix"):
        read_embeddings(language_model_graph(ARCHITECTURE, weights).SerializeToString(), ARCHITECTURE)


def changed(name: str, array: NDArray[Any] | None) -> bytes:
    """Return the model in eight bits with another constant, or without it."""
    model = onnx.ModelProto()
    model.CopyFrom(INT8)
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    model.graph.initializer.remove(tensor)
    if array is not None:
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("embeddings_quantized", None, "must hold an embedding matrix, but does not"),
        ("embeddings_scale", None, "must hold an embedding matrix, but does not"),
        ("embeddings_zero_point", None, "must hold an embedding matrix, but does not"),
        ("embeddings_quantized", np.zeros((11, 4), np.float32), "must hold an embedding matrix, but does not"),
        ("embeddings_quantized", np.zeros((11, 3), np.int8), "of 44 bytes, but its matrix has 33"),
        ("embeddings_scale", np.array(np.nan, np.float32), "must hold a finite scale"),
        ("embeddings_scale", np.zeros(2, np.float32), "must hold a finite scale"),
        ("embeddings_scale", np.array(3e38, np.float32), "must hold finite numbers in its embedding matrix"),
    ],
)
def test_a_file_without_such_a_matrix_is_refused(name: str, array: NDArray[Any] | None, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        read_embeddings(changed(name, array), ARCHITECTURE)


def test_a_zero_point_below_zero_is_read() -> None:
    steps = np.arange(44, dtype=np.int8).reshape(11, 4)
    model = onnx.ModelProto.FromString(changed("embeddings_quantized", steps))
    for tensor in list(model.graph.initializer):
        if tensor.name == "embeddings_zero_point":
            tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, onnx.TensorProto.INT8, [], [-3]))
        if tensor.name == "embeddings_scale":
            tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, onnx.TensorProto.FLOAT, [], [0.5]))
    np.testing.assert_array_equal(read_embeddings(model.SerializeToString(), ARCHITECTURE), (steps + 3.0) / 2)


def test_a_constant_that_is_cut_off_is_refused() -> None:
    model = onnx.ModelProto.FromString(DATA)
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == "embeddings_zero_point")
    tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, onnx.TensorProto.INT8, [], [3]))
    whole, packed = model.SerializeToString(), bytes([0x2A, 1, 3])  # field 5, one byte, a varint
    assert whole.count(packed) == 1
    with pytest.raises(BundleError, match="must be whole, but is cut off; export the model again"):
        read_embeddings(whole.replace(packed, bytes([0x2A, 1, 0x83])), ARCHITECTURE)


@given(st.data())
def test_changed_bytes_anywhere_are_refused_or_read(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(DATA)))
    spoiled = DATA[:start] + data.draw(st.binary(max_size=8)) + DATA[start + data.draw(st.integers(0, 8)) :]
    with suppress(BundleError):
        assert read_embeddings(spoiled, ARCHITECTURE).shape == (11, 4)
