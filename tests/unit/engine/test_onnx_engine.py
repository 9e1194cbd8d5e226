"""Tests of only the onnxruntime engine; common tests are in `test_engine_contract.py`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nextword.engine import onnx_engine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.errors import BundleError
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.system.capacity import ControlGroup
from support.random_weights import random_weights

SIZES: dict[str, Any] = {"vocabulary_size": 11, "embedding_size": 6, "hidden_sizes": (5, 6)}


def engine_of(*, int8: bool = False, num_threads: int | None = 1, **changes: Any) -> OnnxEngine:
    architecture = Architecture(**{**SIZES, **changes})
    data = language_model_graph(architecture, random_weights(architecture), int8=int8).SerializeToString()
    return OnnxEngine(data, architecture=architecture, end_id=3, num_threads=num_threads)


def ids_of(seed: int = 2) -> Any:
    return np.random.default_rng(seed).integers(11, size=(3, 9), dtype=np.int32)


def test_scores_in_pieces_match_a_whole_window(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of()
    whole, state = engine.score_window(ids_of(), ids_of(3), engine.start(3))
    monkeypatch.setattr(onnx_engine, "_PIECE", 70)  # two steps of three rows of eleven log-probabilities
    pieces, after = engine.score_window(ids_of(), ids_of(3), engine.start(3))
    np.testing.assert_allclose(pieces.log_probs, whole.log_probs, atol=1e-6)
    np.testing.assert_array_equal(pieces.ranks, whole.ranks)
    for one, other in zip(after, state, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("num_threads", [1, 2, None])
def test_the_number_of_threads_does_not_change_the_result(num_threads: int | None) -> None:
    engine, single = engine_of(num_threads=num_threads), engine_of()
    found, _ = engine.predict_window(ids_of(), engine.start(3))
    expected, _ = single.predict_window(ids_of(), single.start(3))
    np.testing.assert_allclose(found.log_probs, expected.log_probs, atol=1e-6)


def test_int8_probabilities_sum_to_one_and_states_are_carried() -> None:
    engine = engine_of(int8=True)
    log_probs, state = np.zeros(0, np.float32), engine.start(3)
    for column in ids_of().T:
        log_probs, state = engine.step(column, state)
        np.testing.assert_allclose(np.exp(log_probs.astype(np.float64)).sum(axis=-1), 1, atol=1e-5)
    prediction, after = engine.predict_window(ids_of(), engine.start(3))
    # The rounding of a step and of a window differs slightly.
    np.testing.assert_allclose(log_probs, prediction.log_probs[:, -1], atol=0.5)
    assert [part.shape for part in after] == [part.shape for part in state]


@pytest.mark.parametrize(("quota", "most"), [(None, 64), (1.0, 1), (2.5, 3), (200.0, 64), (0.2, 1)])
def test_threads_are_limited_by_the_container(monkeypatch: pytest.MonkeyPatch, quota: float | None, most: int) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: range(64), raising=False)
    monkeypatch.setattr(onnx_engine, "read_control_group", lambda: ControlGroup(cores=quota))
    assert onnx_engine._num_processors() == most


def changed_engine(change: Callable[[Any], object]) -> OnnxEngine:
    architecture = Architecture(**SIZES)
    model = language_model_graph(architecture, random_weights(architecture))
    change(model.graph)
    return OnnxEngine(model.SerializeToString(), architecture=architecture, end_id=3)


def test_an_input_without_a_shape_is_refused() -> None:
    with pytest.raises(BundleError, match="must have the inputs and outputs of its architecture"):
        changed_engine(lambda graph: graph.input[1].type.tensor_type.ClearField("shape"))


def test_a_model_that_does_not_load_is_one_line_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def break_softmax(graph: Any) -> None:
        node = next(node for node in graph.node if node.op_type == "LogSoftmax")
        node.name, node.attribute[0].i = "a name\nin two lines", 9

    with pytest.raises(BundleError, match="must load in onnxruntime") as refused:
        changed_engine(break_softmax)
    assert "\n" not in str(refused.value)
    assert capsys.readouterr() == ("", "")


def test_a_model_that_does_not_run_is_refused() -> None:
    def widen(graph: Any) -> None:
        constant = next(each for each in graph.initializer if each.name == "integers_11")
        constant.raw_data = np.array([13], np.int64).tobytes()

    engine = changed_engine(widen)
    with pytest.raises(BundleError, match=r"must run in onnxruntime, but does not: .*Reshape"):
        engine.step(np.array([3], np.int32), engine.start(1))
