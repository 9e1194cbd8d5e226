import dataclasses
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from onnx import numpy_helper

from nextword.bundle.bundle import Bundle
from nextword.bundle.onnx_weights import PackedMatrix, onnx_floats, onnx_weights
from nextword.display.page.packed_model import packed_weights
from nextword.errors import BundleError
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from support.packed import ARCHITECTURES, random_bundle
from support.random_weights import random_weights

ALL = pytest.mark.parametrize("name", ARCHITECTURES)


def slim(bundle: Bundle, *, int8: bool) -> Bundle:
    data = language_model_graph(bundle.architecture, bundle.weights, int8=int8).SerializeToString()
    return dataclasses.replace(bundle, onnx=data).to_slim()


@ALL
def test_a_slim_model_in_float32_packs_as_its_weights_do(name: str) -> None:
    bundle = random_bundle(ARCHITECTURES[name])
    found, expected = packed_weights(slim(bundle, int8=False)), packed_weights(bundle)
    assert found.keys() == expected.keys()
    for weight_name, weight in expected.items():
        ours = found[weight_name]
        if not isinstance(weight, PackedMatrix):
            np.testing.assert_array_equal(ours, weight, err_msg=weight_name)
            continue
        assert isinstance(ours, PackedMatrix)
        np.testing.assert_array_equal(ours.steps, weight.steps, err_msg=weight_name)
        np.testing.assert_array_equal(ours.scales, weight.scales, err_msg=weight_name)


@ALL
def test_a_slim_model_in_int8_keeps_its_integers(name: str) -> None:
    bundle = random_bundle(ARCHITECTURES[name])
    model = slim(bundle, int8=True)
    found = packed_weights(model)
    assert model.onnx is not None
    stored = {bytes(np.sort(array, axis=None)) for array in _integers(model.onnx)}
    for weight_name, weight in bundle.weights.items():
        ours = found[weight_name]
        if not isinstance(ours, PackedMatrix):
            np.testing.assert_array_equal(ours, weight)
            continue
        rows = weight if weight_name.startswith("embedding/") else weight.T
        assert (np.abs(ours.to_floats() - rows) <= 1.01 * ours.scales[:, None]).all(), weight_name
        if bundle.architecture.cell == "lstm" and "embedding" not in weight_name:
            assert bytes(np.sort(ours.steps, axis=None)) in stored, weight_name


@ALL
def test_floats_of_a_slim_model_in_float32_are_the_weights(name: str) -> None:
    bundle = random_bundle(ARCHITECTURES[name])
    found = slim(bundle, int8=False).floats(bundle.weights)
    assert found.keys() == bundle.weights.keys()
    for weight_name, weight in bundle.weights.items():
        np.testing.assert_array_equal(found[weight_name], weight, err_msg=weight_name)


@ALL
def test_floats_of_a_slim_model_in_int8_are_those_of_the_page_or_not_rounded_at_all(name: str) -> None:
    bundle = random_bundle(ARCHITECTURES[name])
    model = slim(bundle, int8=True)
    found = model.floats(model.weights)
    num_rounded = 0
    for weight_name, weight in packed_weights(model).items():
        rows = weight.to_floats() if isinstance(weight, PackedMatrix) else weight
        of_page = rows.T if rows.ndim == 2 and not weight_name.startswith("embedding/") else rows
        if not np.array_equal(found[weight_name], bundle.weights[weight_name]):
            np.testing.assert_array_equal(found[weight_name], of_page, err_msg=weight_name)
            num_rounded += 1
    assert num_rounded > 0


def test_floats_of_a_model_with_weights_are_these() -> None:
    bundle = random_bundle(ARCHITECTURES["tied"])
    name = "lstm_0/kernel"
    assert bundle.floats([name])[name] is bundle.weights[name]


def _integers(data: bytes) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int8]]]:
    tensors = onnx.load_from_string(data).graph.initializer
    return [numpy_helper.to_array(tensor) for tensor in tensors if tensor.name.endswith("_quantized")]


def _broken(bundle: Bundle, name: str, array: NDArray[Any] | None) -> bytes:
    """Return the model in eight bits with a constant replaced or removed."""
    model = language_model_graph(bundle.architecture, bundle.weights, int8=True)
    assert name in [tensor.name for tensor in model.graph.initializer]
    kept = [tensor for tensor in model.graph.initializer if tensor.name != name]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    if array is not None:
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("projection_bias", None, "must hold `projection_bias`, but does not"),
        ("projection_bias", np.zeros(3, np.float32), "must hold `projection_bias` in 120 bytes, but it has 12"),
        ("projection_bias", np.full(30, np.nan, np.float32), "finite numbers, but `projection_bias` holds others"),
        ("embeddings_quantized", None, "must hold `embeddings`, but does not"),
        ("embeddings_quantized", np.zeros((30, 8), np.float32), "must hold `embeddings` in eight bits, but does not"),
        ("embeddings_quantized", np.zeros((30, 7), np.int8), "must hold `embeddings_quantized` in .* bytes"),
        ("embeddings_scale", None, "must hold `embeddings_scale`, but does not"),
        ("embeddings_scale", np.array(np.nan, np.float32), "finite numbers, but `embeddings_scale` makes others"),
        ("embeddings_scale", np.zeros(2, np.float32), "the scales of its matrices, but `embeddings_scale` has 8 bytes"),
        ("embeddings_scale", np.array(3e38, np.float32), "finite numbers, but `embeddings_scale` makes others"),
    ],
)
def test_a_model_that_lacks_a_weight_is_refused(name: str, array: NDArray[Any] | None, message: str) -> None:
    bundle = random_bundle(ARCHITECTURES["tied"])
    with pytest.raises(BundleError, match=message):
        onnx_floats(_broken(bundle, name, array), bundle.architecture, bundle.weights)


@given(st.data())
def test_changed_bytes_anywhere_are_refused_or_read(data: st.DataObject) -> None:
    model, architecture = small_model()
    start = data.draw(st.integers(0, len(model)))
    spoiled = model[:start] + data.draw(st.binary(max_size=8)) + model[start + data.draw(st.integers(0, 8)) :]
    names = architecture.weight_shapes()
    with suppress(BundleError):
        assert onnx_floats(spoiled, architecture, names).keys() == names.keys()


@cache
def small_model() -> tuple[bytes, Architecture]:
    architecture = Architecture(vocabulary_size=5, embedding_size=2, hidden_sizes=(2,))
    graph = language_model_graph(architecture, random_weights(architecture), int8=True)
    return graph.SerializeToString(), architecture


def test_a_file_that_is_no_model_is_refused() -> None:
    with pytest.raises(BundleError, match=r"model\.onnx"):
        onnx_weights(b"no", Architecture(vocabulary_size=3, embedding_size=2, hidden_sizes=(2,)))


Rows = np.ndarray[tuple[int, int], np.dtype[np.float32]]

rows = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-1e3, 1e3, width=32, allow_subnormal=False),
)


@given(rows)
def test_rounding_moves_a_number_by_half_a_step_of_its_row(matrix: Rows) -> None:
    packed = PackedMatrix.rounded(matrix)
    assert packed.steps.dtype == np.int8
    assert np.abs(packed.steps.astype(int)).max() <= 127
    allowed = 0.5001 * np.abs(matrix).max(axis=1, keepdims=True) / 127 + 1e-30
    assert (np.abs(packed.to_floats() - matrix) <= allowed).all()


def test_bytes_of_steps_and_scales_count() -> None:
    assert PackedMatrix.rounded(np.ones((3, 5), np.float32)).num_bytes == 15 + 12
