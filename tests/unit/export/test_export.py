"""Whole exports of a tiny model, and their report."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from nextword.bundle.bundle import Bundle
from nextword.bundle.mixture import Mixture, MixtureSettings
from nextword.bundle.store import read_bundle, write_bundle
from nextword.engine.engine import Engine, State
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.opening import start_engine
from nextword.errors import BundleError, ExportError, SettingError, StorageError
from nextword.export import export as module
from nextword.export.export import (
    Agreement,
    ExportReport,
    Int8Cost,
    NamedText,
    export_bundle,
    require_agreement,
    require_free_keras_path,
    with_export_section,
    write_keras_file,
)
from nextword.export.language_model_graph import language_model_graph
from nextword.export.options import ExportOptions
from nextword.inference.evaluation.perplexity import evaluate
from nextword.inference.generation.generator import generate
from nextword.inference.generation.sampling import SamplingOptions
from nextword.inference.scoring.nearest_words import nearest_words
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.system import sealed_directory
from nextword.text.batching.window import TokenIds
from support.random_weights import random_weights

Ids = NDArray[np.int32]
Weights = Mapping[str, NDArray[np.float32]]

FLOAT, INT8 = ExportOptions(), ExportOptions(int8=True, max_loss_percent=1000)

IDS = np.array([[1, 2, 3], [4, 5, 6]], np.int32)

PROGRAM = """
import sys
import numpy as np
from nextword import LanguageModel
import keras

model = keras.saving.load_model(sys.argv[1])
assert type(model) is LanguageModel
np.save(sys.argv[2], model(np.array([[1, 2, 3], [4, 5, 6]], np.int32))[0])
"""


def engine_of(bundle: Bundle) -> OnnxEngine:
    assert bundle.onnx is not None
    return OnnxEngine(bundle.onnx, architecture=bundle.architecture, end_id=bundle.tokenizer.vocabulary.end_id)


def test_a_bundle_gets_onnx_and_keeps_all_else(path: Path, bundle: Bundle) -> None:
    before = sealed_directory.read(path)
    report = export_bundle(path, FLOAT)
    after = sealed_directory.read(path)
    assert report.num_bytes == len(after["model.onnx"])
    assert after.keys() == before.keys() | {"model.onnx"}
    assert {name for name in before if after[name] != before[name]} == {"README.md"}
    assert report.agreement.largest_difference < 1e-5
    assert read_bundle(path).card.startswith(bundle.card)
    assert [path.name for path in path.parent.iterdir()] == ["tiny"]


def test_int8_is_measured_and_its_cost_is_in_the_card(path: Path, text_ids: Ids) -> None:
    export_bundle(path, FLOAT)
    in_float32 = engine_of(read_bundle(path))
    said: list[str] = []
    report = export_bundle(path, INT8, text=lambda _bundle: NamedText("story, valid", text_ids), say=said.append)
    exported, cost = read_bundle(path), report.int8_cost
    assert cost is not None
    assert cost.perplexity == pytest.approx(evaluate(in_float32, text_ids).perplexity)
    assert cost.int8_perplexity == pytest.approx(evaluate(engine_of(exported), text_ids).perplexity)
    assert cost.perplexity != cost.int8_perplexity
    assert cost.sentence() in exported.card
    assert exported.card.count("## Export") == 1
    assert len(said) == 2


def test_int8_that_costs_too_much_is_refused_and_nothing_is_changed(
    path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_bundle(path, FLOAT)
    before, engine = sealed_directory.read(path), engine_of(read_bundle(path))
    own_text = np.fromiter(generate(engine, [], num_tokens=200, options=SamplingOptions(seed=1)), np.int32)
    nothing_learned = {name: np.zeros_like(weight) for name, weight in bundle.weights.items()}
    poor = language_model_graph(bundle.architecture, nothing_learned, int8=True)

    def graph(architecture: Architecture, weights: Weights, *, int8: bool = False) -> onnx.ModelProto:
        return poor if int8 else language_model_graph(architecture, weights)

    monkeypatch.setattr(module, "language_model_graph", graph)
    said = r"by at most 1 %, but raises it by .* %, from .* to 10\.00 on story; export in float32, or allow more by"
    with pytest.raises(ExportError, match=said):
        export_bundle(path, ExportOptions(int8=True), text=lambda _bundle: NamedText("story", own_text))
    assert sealed_directory.read(path) == before
    export_bundle(path, INT8, text=lambda _bundle: NamedText("story", own_text))
    assert read_bundle(path).onnx == poor.SerializeToString()


def test_int8_without_a_text_is_refused(path: Path) -> None:
    with pytest.raises(SettingError, match="int8 needs a text on which its cost is measured"):
        export_bundle(path, INT8)


def test_a_graph_that_computes_something_else_is_not_kept(
    path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sealed_directory.read(path)

    def spoiled(architecture: object, weights: object) -> onnx.ModelProto:
        return language_model_graph(
            bundle.architecture, {**bundle.weights, "lstm_0/bias": bundle.weights["lstm_0/bias"] * 1.01}
        )

    monkeypatch.setattr(module, "language_model_graph", spoiled)
    with pytest.raises(ExportError, match="must give the log-probabilities of the model"):
        export_bundle(path, FLOAT)
    assert sealed_directory.read(path) == before


def test_a_mixture_that_was_taken_out_meanwhile_does_not_come_back(path: Path, text_ids: Ids) -> None:
    write_bundle(path, replace(read_bundle(path), mixture=Mixture(MixtureSettings(cache_weight=0.1))), replace=True)

    def text(bundle: Bundle) -> NamedText:
        write_bundle(path, bundle.without_mixture(), replace=True)
        return NamedText("story", text_ids)

    with pytest.raises(ExportError, match="must stay as it is while it is exported, but changed; export it again"):
        export_bundle(path, FLOAT, text=text)
    assert read_bundle(path).mixture is None


def test_a_model_too_large_for_one_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_BYTES", 1000)
    with pytest.raises(SettingError, match="to be one ONNX file"):
        export_bundle(path, FLOAT)


def test_a_keras_file_is_written_too_unless_it_cannot_be(path: Path, tmp_path: Path) -> None:
    export_bundle(path, FLOAT, keras_path=tmp_path / "m.keras")
    assert (tmp_path / "m.keras").stat().st_size > 0
    before = sealed_directory.read(path)
    with pytest.raises(SettingError, match="exists already"):
        export_bundle(path, FLOAT, keras_path=tmp_path / "m.keras")
    assert sealed_directory.read(path) == before


def test_an_output_is_a_new_bundle_and_the_model_stays_as_it_is(path: Path, tmp_path: Path, text_ids: Ids) -> None:
    before = sealed_directory.read(path)
    export_bundle(path, INT8, output=tmp_path / "new", text=lambda _bundle: NamedText("story", text_ids))
    assert sealed_directory.read(path) == before
    after = sealed_directory.read(tmp_path / "new")
    assert after.keys() == before.keys() | {"model.onnx"}
    assert {name for name in before if after[name] != before[name]} == {"README.md"}


def test_a_slim_output_has_no_float32_weights_and_runs(path: Path, tmp_path: Path, text_ids: Ids) -> None:
    options = INT8.replace(slim=True)
    export_bundle(path, options, output=tmp_path / "slim", text=lambda _bundle: NamedText("story", text_ids))
    export_bundle(path, INT8, text=lambda _bundle: NamedText("story", text_ids))
    assert set(sealed_directory.read(tmp_path / "slim")) == {
        "config.json",
        "vocabulary.json",
        "model.onnx",
        "README.md",
    }
    slim, full = read_bundle(tmp_path / "slim"), read_bundle(path)
    assert slim.is_slim
    assert slim.onnx == full.onnx
    assert "The float32 weights were left out: the model runs in onnxruntime only." in slim.card
    model = start_engine(slim)
    assert (model.runtime, model.precision) == ("onnxruntime", "int8")
    np.testing.assert_allclose(slim.embeddings(), full.embeddings(), atol=0.05)
    assert nearest_words(slim, "it", 3)


def test_a_slim_model_is_not_exported_again_nor_run_by_keras(path: Path, tmp_path: Path) -> None:
    export_bundle(path, FLOAT.replace(slim=True), output=tmp_path / "slim")
    with pytest.raises(BundleError, match="`tiny` must have its float32 weights for this, but is a slim copy that"):
        export_bundle(tmp_path / "slim", FLOAT)
    with pytest.raises(BundleError, match="use the model that it was exported from"):
        start_engine(read_bundle(tmp_path / "slim"), "keras")


def test_an_output_that_exists_is_refused_before_anything_is_done(path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for place in (tmp_path / "mine", path):
        with pytest.raises(SettingError, match=f"must name a new directory, but `{place}` exists already"):
            export_bundle(path, FLOAT, output=place)


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> LanguageModel:
    model = LanguageModel(bundle.architecture)
    model.set_named_weights(bundle.weights)
    return model


def test_another_process_loads_the_model(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    write_keras_file(path, model)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]
    program = [sys.executable, "-c", PROGRAM, str(path), str(tmp_path / "logits.npy")]
    subprocess.run(program, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), np.asarray(model(IDS)[0]), atol=1e-6)


def test_a_full_disk_leaves_nothing_behind(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", fill_the_disk)
    with pytest.raises(StorageError, match="No space left on device"):
        write_keras_file(tmp_path / "model.keras", model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"), [("model.h5", "must end in `.keras`"), ("none/model.keras", "a folder that exists")]
)
def test_a_path_that_will_not_do_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        require_free_keras_path(tmp_path / name)


SIZES: dict[str, Any] = {"vocabulary_size": 120, "embedding_size": 32, "hidden_sizes": (32, 32)}


def log_probs_of(model: onnx.ModelProto, architecture: Architecture) -> NDArray[np.float32]:
    ids = np.random.default_rng(2).integers(120, size=(3, 6), dtype=np.int32)
    engine = OnnxEngine(model.SerializeToString(), architecture=architecture, end_id=1)
    return engine.predict_window(ids, engine.start(3))[0].log_probs


INT8_CHANGES: list[dict[str, Any]] = [
    {},
    {"tied": True},
    {"state_modulation": True},
    {"cell": "gru"},
]


@pytest.mark.parametrize("changes", INT8_CHANGES, ids=str)
def test_eight_bits_are_smaller_and_close(changes: dict[str, Any]) -> None:
    architecture = Architecture(**{**SIZES, **changes})
    weights = random_weights(architecture, scale=0.3)
    model, int8 = (language_model_graph(architecture, weights, int8=int8) for int8 in (False, True))
    onnx.checker.check_model(int8)
    assert len(int8.SerializeToString()) < 0.8 * len(model.SerializeToString())
    found, expected = log_probs_of(int8, architecture), log_probs_of(model, architecture)
    assert 0 < np.abs(found - expected).max() < 0.1


@pytest.mark.parametrize("changes", INT8_CHANGES, ids=str)
def test_eight_bits_answer_a_text_alike_in_any_company_and_in_any_windows(changes: dict[str, Any]) -> None:
    architecture = Architecture(**{**SIZES, **changes})
    model = language_model_graph(architecture, random_weights(architecture, scale=0.3), int8=True)
    engine = OnnxEngine(model.SerializeToString(), architecture=architecture, end_id=1, num_threads=1)
    ids = np.random.default_rng(2).integers(120, size=(7, 9), dtype=np.int32)
    whole = engine.predict_window(ids, engine.start(7))[0].log_probs
    for row in range(7):
        state, steps = engine.start(1), []
        for token_id in ids[row]:
            log_probs, state = engine.step(np.array([token_id]), state)
            steps.append(log_probs[0])
        np.testing.assert_array_equal(np.stack(steps), whole[row])


def largest_of_columns(architecture: Architecture, weights: Mapping[str, NDArray[np.float32]]) -> NDArray[np.int64]:
    tensors = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in language_model_graph(architecture, weights, int8=True).graph.initializer
    }
    (name,) = (name for name in tensors if name.startswith("layer_0_recurrent_kernel") and "quantized" in name)
    largest: NDArray[np.int64] = np.abs(tensors[name].astype(np.int64)).max(axis=0)
    return largest


def test_each_column_has_a_scale_of_its_own_and_no_sum_of_two_products_overflows_sixteen_bits() -> None:
    architecture = Architecture(**SIZES)
    weights = random_weights(architecture, scale=0.3)
    weights["lstm_0/recurrent_kernel"] = weights["lstm_0/recurrent_kernel"] * np.logspace(-2, 0, 128, dtype=np.float32)
    largest = largest_of_columns(architecture, weights)
    assert largest.shape == (128,)
    assert set(largest.tolist()) == {64}  # two products with 255 stay below 2**15


@pytest.mark.parametrize("changes", [{}, {"cell": "gru"}], ids=str)
def test_a_tied_matrix_is_stored_once(changes: dict[str, Any]) -> None:
    architecture = Architecture(**SIZES, tied=True, **changes)
    weights = random_weights(architecture, scale=0.3)
    model = language_model_graph(architecture, weights, int8=True)
    shapes = [tuple(tensor.dims) for tensor in model.graph.initializer]
    assert shapes.count((120, 32)) + shapes.count((32, 120)) == 1
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    rounded = tensors["embeddings_quantized"].astype(np.float32) * tensors["embeddings_scale"]
    expected = weights["embedding/embeddings"]
    np.testing.assert_allclose(rounded, expected, atol=1.05 * np.abs(expected).max() / 128)


def test_a_matrix_that_is_not_tied_is_stored_beside_the_embeddings() -> None:
    architecture = Architecture(**SIZES)
    model = language_model_graph(architecture, random_weights(architecture, scale=0.3), int8=True)
    shapes = [tuple(tensor.dims) for tensor in model.graph.initializer]
    assert (shapes.count((120, 32)), shapes.count((32, 120))) == (1, 1)


def test_onnxruntime_transposes_a_shared_matrix_when_it_loads_the_model_and_never_again(tmp_path: Path) -> None:
    architecture = Architecture(**SIZES, tied=True)
    model = language_model_graph(architecture, random_weights(architecture, scale=0.3), int8=True)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert operators.count("Transpose") == 2  # of the tokens and of the hidden states
    assert operators.count("MatMulIntegerToFloat") == 3


FLOAT_REPORT = ExportReport(num_bytes=1_500_000, agreement=Agreement(2e-6, 12_000), int8_cost=None)
INT8_REPORT = replace(
    FLOAT_REPORT, int8_cost=Int8Cost(perplexity=80.0, int8_perplexity=80.2, num_tokens=4000, text="story, valid")
)
CARD = "# tiny\n\n## Use\n\nAs ever.\n"


def test_a_card_says_what_was_exported_and_how_it_was_checked() -> None:
    card = with_export_section(CARD, FLOAT_REPORT)
    assert card.startswith(CARD)
    assert "holds the model in float32, 1.5 MB: opset 17, for onnxruntime 1.23 or newer" in card
    assert "by at most 2e-06 (12,000 compared" in card
    assert "int8" not in card


def test_a_card_says_what_int8_costs() -> None:
    card = with_export_section(CARD, INT8_REPORT)
    assert "In int8 the perplexity of story, valid is 80.20 instead of 80.00, +0.25% (4,000 tokens)." in card


def test_another_export_replaces_what_a_card_says() -> None:
    assert with_export_section(with_export_section(CARD, INT8_REPORT), FLOAT_REPORT) == with_export_section(
        CARD, FLOAT_REPORT
    )


def test_a_perplexity_that_fell_costs_less_than_nothing() -> None:
    assert Int8Cost(perplexity=80.0, int8_perplexity=79.2, num_tokens=1, text="").percent == pytest.approx(-1)


@pytest.fixture(scope="module")
def engine(architecture: Architecture, weights: Weights) -> Engine:
    return OnnxEngine(
        language_model_graph(architecture, weights).SerializeToString(), architecture=architecture, end_id=1
    )


class OffInSteps(OnnxEngine):
    """Is wrong by a number in every step, and right in windows."""

    by: float

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        log_probs, state = super().step(ids, state)
        return log_probs + np.float32(self.by), state


def off_by(architecture: Architecture, weights: Weights, by: float) -> OffInSteps:
    data = language_model_graph(architecture, weights).SerializeToString()
    engine = OffInSteps(data, architecture=architecture, end_id=1)
    engine.by = by
    return engine


def test_an_engine_agrees_with_itself(engine: Engine, text_ids: Ids) -> None:
    found = require_agreement(engine, engine, text_ids)
    assert found.largest_difference == 0
    assert found.num_log_probs == 10 * (3 * 24 + 200)


def test_one_token_is_enough_of_a_text(engine: Engine, text_ids: Ids) -> None:
    assert require_agreement(engine, engine, text_ids[:1]).num_log_probs == 10 * (3 * 24 + 2)


def test_a_weight_that_is_a_little_off_is_seen(
    engine: Engine, architecture: Architecture, weights: Weights, text_ids: Ids
) -> None:
    changed = {**weights, "lstm_1/bias": weights["lstm_1/bias"] + np.float32(1e-2)}
    data = language_model_graph(architecture, changed).SerializeToString()
    with pytest.raises(
        ExportError, match=r"to 0\.0001, but differs by up to .*; it was discarded, and the model is unch"
    ):
        require_agreement(OnnxEngine(data, architecture=architecture, end_id=1), engine, text_ids)


@pytest.mark.parametrize("by", [2e-4, -1.0, np.nan])
def test_steps_are_compared_as_well_as_windows(
    engine: Engine, architecture: Architecture, weights: Weights, text_ids: Ids, by: float
) -> None:
    with pytest.raises(ExportError):
        require_agreement(off_by(architecture, weights, by), engine, text_ids)


def test_what_stays_below_the_tolerance_is_told(
    engine: Engine, architecture: Architecture, weights: Weights, text_ids: Ids
) -> None:
    found = require_agreement(off_by(architecture, weights, 5e-5), engine, text_ids)
    assert found.largest_difference == pytest.approx(5e-5, rel=0.1)
