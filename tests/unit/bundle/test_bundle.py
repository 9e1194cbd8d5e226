from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle, DeferredWeights
from nextword.bundle.store import read_bundle, write_bundle
from nextword.errors import BundleError
from nextword.system import sealed_directory
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a b", "a\n", "a\0", "é", "a" * 65])
def test_a_name_that_could_not_be_a_file_is_refused(bundle: Bundle, name: str) -> None:
    with pytest.raises(BundleError, match="`name` must be 1 to 64 letters"):
        replace(bundle, name=name)


def test_a_tokenizer_of_another_size_is_refused(bundle: Bundle) -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<unk>", "<eos>", "It")))
    with pytest.raises(BundleError, match="must have the 6 tokens of the architecture, but has 3"):
        replace(bundle, tokenizer=tokenizer)


def test_a_missing_weight_is_refused(bundle: Bundle) -> None:
    weights = {name: weight for name, weight in bundle.weights.items() if name != "lstm_1/bias"}
    with pytest.raises(BundleError, match="`lstm_1/bias` is missing"):
        replace(bundle, weights=weights)


def test_a_weight_too_many_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="`lstm_2/bias` is one too many"):
        replace(bundle, weights={**bundle.weights, "lstm_2/bias": np.zeros(16, np.float32)})


def test_a_weight_of_another_shape_is_refused(bundle: Bundle) -> None:
    turned = bundle.weights["embedding/embeddings"].T
    with pytest.raises(BundleError, match=r"`embedding/embeddings` must have the shape \(6, 3\), but has \(3, 6\)"):
        replace(bundle, weights={**bundle.weights, "embedding/embeddings": turned})


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32])
def test_a_weight_of_another_type_is_refused(bundle: Bundle, dtype: type) -> None:
    weights: dict[str, Any] = {name: weight.astype(dtype) for name, weight in bundle.weights.items()}
    with pytest.raises(BundleError, match="`embedding/embeddings` must be float32"):
        replace(bundle, weights=weights)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_a_weight_that_is_not_finite_is_refused(bundle: Bundle, value: float, place: int) -> None:
    weight = bundle.weights["lstm_0/kernel"].copy()
    weight.flat[place] = value
    with pytest.raises(BundleError, match="`lstm_0/kernel` must be finite"):
        replace(bundle, weights={**bundle.weights, "lstm_0/kernel": weight})


@pytest.fixture
def exported(path: Path, bundle: Bundle) -> Path:
    """Where a bundle with something for onnxruntime lies."""
    write_bundle(path, replace(bundle, onnx=b"for onnxruntime"), replace=True)
    return path


def test_they_are_read_once_and_when_first_asked_for() -> None:
    calls = []

    def read() -> Mapping[str, Any]:
        calls.append(1)
        return {"a": np.zeros(1, np.float32), "b": np.ones(1, np.float32)}

    weights = DeferredWeights(["a", "b"], read)
    assert (list(weights), len(weights), "a" in weights, calls) == (["a", "b"], 2, True, [])
    assert weights["b"][0] == 1
    assert weights["a"][0] == 0
    assert calls == [1]


def test_a_bundle_gives_them_later_as_it_gives_them_now(exported: Path) -> None:
    deferred, read = read_bundle(exported, defer_weights=True), read_bundle(exported)
    assert isinstance(deferred.weights, DeferredWeights)
    assert deferred.onnx == read.onnx == b"for onnxruntime"
    assert list(deferred.weights) == list(read.weights)
    for name, weight in read.weights.items():
        np.testing.assert_array_equal(deferred.weights[name], weight, strict=True)


def test_a_bundle_that_was_read_so_is_written_whole(exported: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "copy", read_bundle(exported, defer_weights=True))
    assert sealed_directory.read(tmp_path / "copy") == sealed_directory.read(exported)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx"])
def test_a_changed_byte_is_seen_before_anything_is_asked_for(exported: Path, name: str) -> None:
    data = bytearray((exported / name).read_bytes())
    data[-1] ^= 1
    (exported / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"`{name}` does not have the SHA-256 digest"):
        read_bundle(exported, defer_weights=True)


def test_other_weights_in_the_meantime_are_not_taken_for_these(exported: Path, bundle: Bundle) -> None:
    deferred = read_bundle(exported, defer_weights=True)
    others = {name: weight + 1 for name, weight in bundle.weights.items()}
    write_bundle(exported, replace(bundle, weights=others), replace=True)
    with pytest.raises(BundleError, match="must be unchanged, but was written again; open the model again"):
        deferred.weights["lstm_0/bias"]


def test_weights_that_are_not_finite_are_refused_when_they_are_read(exported: Path, bundle: Bundle) -> None:
    files = sealed_directory.read(exported)
    weights = bytearray(files["weights.safetensors"])
    weights[-4:] = np.array([np.nan], "<f4").tobytes()
    sealed_directory.write(exported, {**files, "weights.safetensors": bytes(weights)}, replace=True)
    deferred = read_bundle(exported, defer_weights=True)
    with pytest.raises(BundleError, match="must be finite"):
        deferred.weights["lstm_0/bias"]


def test_a_bundle_is_made_slim_only_if_it_was_exported(bundle: Bundle) -> None:
    assert replace(bundle, onnx=b"graph").to_slim().is_slim
    assert not bundle.is_slim
    with pytest.raises(
        BundleError, match=r"must have `model\.onnx` or weights, but has neither; run `nextword export`"
    ):
        bundle.to_slim()


def test_it_is_shown_in_one_line(bundle: Bundle) -> None:
    assert repr(bundle) == "Bundle('tiny-1.0', LSTM 4-4, 6 words)"
    assert repr(replace(bundle, onnx=b"graph")) == "Bundle('tiny-1.0', LSTM 4-4, 6 words, with model.onnx)"
