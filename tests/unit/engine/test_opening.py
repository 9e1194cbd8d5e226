"""Which engine runs a model, and the errors if none can."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle, DeferredWeights
from nextword.bundle.store import write_bundle
from nextword.engine import opening
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.opening import EngineName, open_model, start_engine
from nextword.errors import BundleError, MissingExtraError, SettingError
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.system import sealed_directory
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.engine_scores import scores_of
from support.random_weights import random_weights
from support.small_mixture import with_mixture


@pytest.fixture(scope="module")
def plain() -> Bundle:
    """A model without export."""
    sizes: dict[str, Any] = {"vocabulary_size": 4, "embedding_size": 3, "hidden_sizes": (3,)}
    architecture = Architecture(**sizes)
    weights: Mapping[str, Any] = random_weights(architecture)
    tokenizer = Tokenizer("word", "line", Vocabulary(("<unk>", "<eos>", "It", "is")))
    return Bundle("tiny", architecture, tokenizer, weights, "# tiny\n")


@pytest.fixture(scope="module")
def exported(plain: Bundle) -> Bundle:
    return replace(plain, onnx=language_model_graph(plain.architecture, plain.weights).SerializeToString())


@pytest.fixture
def no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_is_installed", lambda package: package != "onnxruntime")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


@pytest.fixture
def no_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nextword.engine.keras_engine", None)


def test_an_exported_model_runs_with_onnxruntime(exported: Bundle) -> None:
    model = start_engine(exported)
    assert isinstance(model.engine, OnnxEngine)
    assert (model.runtime, model.precision, model.run_by) == ("onnxruntime", "float32", "onnxruntime")
    assert (model.name, model.engine.end_id) == ("tiny", 1)


def test_both_engines_are_mixed_with_what_a_bundle_holds(exported: Bundle) -> None:
    ids, lengths = np.array([[2, 3, 1, 2]], np.int32), np.array([4], np.int32)
    bundle = with_mixture(exported)
    names: tuple[EngineName, ...] = ("onnx", "keras")
    used = [scores_of(start_engine(bundle, name).engine, ids, lengths).log_probs for name in names]
    np.testing.assert_allclose(used[0], used[1], atol=1e-4)
    alone = scores_of(start_engine(bundle, method="static").engine, ids, lengths).log_probs
    np.testing.assert_array_equal(alone, scores_of(start_engine(exported).engine, ids, lengths).log_probs)
    assert np.abs(used[0] - alone).max() > 0.1


def test_a_model_without_export_runs_with_keras(plain: Bundle) -> None:
    assert isinstance(start_engine(plain).engine, KerasEngine)


def test_an_exported_model_runs_with_keras_on_request(exported: Bundle) -> None:
    assert isinstance(start_engine(exported, "keras").engine, KerasEngine)


def test_an_exported_model_runs_with_keras_if_onnxruntime_is_missing(exported: Bundle, no_onnxruntime: None) -> None:
    assert isinstance(start_engine(exported).engine, KerasEngine)


def test_unneeded_weights_are_not_read(exported: Bundle, tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny", exported)
    assert isinstance(open_model(tmp_path / "tiny").bundle.weights, DeferredWeights)
    assert not isinstance(open_model(tmp_path / "tiny", "keras").bundle.weights, DeferredWeights)


def test_a_moved_read_only_bundle_works(exported: Bundle, tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny", exported)
    moved = tmp_path / "elsewhere" / "under another name"
    moved.parent.mkdir()
    (tmp_path / "tiny").rename(moved)
    files = sealed_directory.read(moved)
    for path in (*moved.iterdir(), moved):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        log_probs, _ = open_model(moved).engine.step(np.array([1], np.int32), open_model(moved).engine.start(1))
        expected, _ = start_engine(exported).engine.step(
            np.array([1], np.int32), start_engine(exported).engine.start(1)
        )
        np.testing.assert_array_equal(log_probs, expected)
        assert sealed_directory.read(moved) == files
    finally:
        moved.chmod(0o755)


def test_onnxruntime_needs_an_exported_model(plain: Bundle) -> None:
    with pytest.raises(BundleError, match=r"must contain `model\.onnx` to run with onnxruntime, but does not; create"):
        start_engine(plain, "onnx")


def test_the_error_names_what_to_install_for_an_exported_model(
    exported: Bundle, no_onnxruntime: None, no_keras: None
) -> None:
    with pytest.raises(MissingExtraError, match=r"needs onnxruntime, which is missing; install the extra `run`"):
        start_engine(exported)
    with pytest.raises(
        MissingExtraError, match=r"needs onnxruntime, which is missing; .*pip install 'nextword\[run\]'"
    ):
        start_engine(exported, "onnx")


def test_the_error_names_what_the_selected_keras_needs(exported: Bundle, no_keras: None) -> None:
    with pytest.raises(
        MissingExtraError, match=r"running `.*` needs Keras and JAX, but `.*` is missing; .* `train`: [^;]*$"
    ):
        start_engine(exported, "keras")


def test_the_error_names_what_to_install_for_a_model_without_export(plain: Bundle, no_keras: None) -> None:
    with pytest.raises(
        MissingExtraError, match=r"install the extra `train`: .*; or export the model .* the extra `run` here"
    ):
        start_engine(plain)


def test_a_slim_model_runs_only_with_onnxruntime(exported: Bundle) -> None:
    slim = exported.to_slim()
    assert isinstance(start_engine(slim).engine, OnnxEngine)
    with pytest.raises(BundleError, match="`tiny` must have its float32 weights for this, but is a slim copy"):
        start_engine(slim, "keras")


def test_an_old_onnxruntime_is_refused(exported: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.__version__", "1.22.1")
    with pytest.raises(
        MissingExtraError, match=r"needs onnxruntime 1\.23 or newer, but 1\.22\.1 is installed; upgrade it"
    ):
        start_engine(exported)


@pytest.mark.parametrize("num_threads", [0, -1])
def test_less_than_one_thread_is_refused(exported: Bundle, num_threads: int) -> None:
    with pytest.raises(SettingError, match=f"`num_threads` must be at least 1, but is {num_threads}"):
        start_engine(exported, num_threads=num_threads)


def test_an_unknown_engine_is_refused(exported: Bundle) -> None:
    with pytest.raises(SettingError, match="`onxn` is not a engine; did you mean `onnx`"):
        start_engine(exported, "onxn")  # type: ignore[arg-type]
