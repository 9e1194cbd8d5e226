from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.deferred_weights import DeferredWeights
from nextword.bundle.read import read_bundle
from nextword.bundle.write import write_bundle
from nextword.errors import BundleError
from nextword.storage import sealed_directory


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


def test_a_bundle_without_onnx_is_read_whole(path: Path) -> None:
    assert not isinstance(read_bundle(path, defer_weights=True).weights, DeferredWeights)


def test_a_bundle_that_was_read_so_is_written_whole(exported: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "copy", read_bundle(exported, defer_weights=True))
    assert sealed_directory.read(tmp_path / "copy") == sealed_directory.read(exported)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx"])
def test_a_changed_byte_is_seen_before_anything_is_asked_for(exported: Path, name: str) -> None:
    data = bytearray((exported / name).read_bytes())
    data[-1] ^= 1
    (exported / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"`{name}` does not have the SHA-256 sum"):
        read_bundle(exported, defer_weights=True)


def test_other_weights_in_the_meantime_are_not_taken_for_these(exported: Path, bundle: Bundle) -> None:
    deferred = read_bundle(exported, defer_weights=True)
    others = {name: weight + 1 for name, weight in bundle.weights.items()}
    write_bundle(exported, replace(bundle, weights=others), replace=True)
    with pytest.raises(BundleError, match="must be what it was, but was written anew; open the model again"):
        deferred.weights["lstm_0/bias"]


def test_weights_that_are_not_finite_are_refused_when_they_are_read(exported: Path, bundle: Bundle) -> None:
    files = sealed_directory.read(exported)
    weights = bytearray(files["weights.safetensors"])
    weights[-4:] = np.array([np.nan], "<f4").tobytes()
    sealed_directory.write(exported, {**files, "weights.safetensors": bytes(weights)}, replace=True)
    deferred = read_bundle(exported, defer_weights=True)
    with pytest.raises(BundleError, match="must be finite"):
        deferred.weights["lstm_0/bias"]
