"""The engine contract for Keras and onnxruntime, on the same weights."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.engine.keras.keras_engine import KerasEngine
from nextword.engine.methods.cache import CacheEngine, CacheOptions
from nextword.engine.methods.ensemble import EnsembleEngine
from nextword.engine.methods.ngram import NgramEngine
from nextword.engine.methods.temperature import TemperatureEngine, TemperatureOptions
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.onnx_engine import OnnxEngine
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds

VOCABULARY_SIZE, END_ID = 11, 3

Log = NDArray[np.float32]


class Pair(NamedTuple):
    """Two engines of one model."""

    keras: KerasEngine
    onnx: OnnxEngine


def pair_of(**changes: Any) -> Pair:
    """Return engines with weights so large that predictions are far from uniform."""
    sizes: dict[str, Any] = {"vocabulary_size": VOCABULARY_SIZE, "embedding_size": 6, "hidden_sizes": (5, 6)}
    architecture, random = Architecture(**{**sizes, **changes}), np.random.default_rng(1)
    shapes = architecture.weight_shapes()
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    model = LanguageModel(architecture, compute_dtype="bfloat16")
    model.set_named_weights(weights)
    data = language_model_graph(architecture, weights).SerializeToString()
    onnx = OnnxEngine(data, architecture=architecture, end_id=END_ID, num_threads=1)
    return Pair(KerasEngine(model, end_id=END_ID), onnx)


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Engines that no test changes."""
    return pair_of(hidden_dropout_rate=0.5, output_dropout_rate=0.5)


@pytest.fixture(scope="module", params=["keras", "onnx"])
def engine(request: pytest.FixtureRequest, pair: Pair) -> Engine:
    """Each of both engines."""
    each: Engine = getattr(pair, request.param)
    return each


def ids_of(batch_size: int = 3, num_steps: int = 7, seed: int = 2) -> TokenIds:
    return np.random.default_rng(seed).integers(VOCABULARY_SIZE, size=(batch_size, num_steps), dtype=np.int32)


def step_through(engine: Engine, inputs: TokenIds) -> Log:
    """Return the log-probabilities after each input `(B, T, V)`, one token at a time."""
    state, steps = engine.start(inputs.shape[0]), []
    for column in inputs.T:
        log_probs, state = engine.step(column, state)
        steps.append(log_probs)
    return np.stack(steps, axis=1)


def arrays_of(state: Any) -> list[NDArray[Any]]:
    """Return copies of the arrays of a state."""
    return [deepcopy(np.asarray(part)) for each in state for part in (each if isinstance(each, tuple) else (each,))]


def test_it_has_the_vocabulary_of_its_model(engine: Engine) -> None:
    assert (engine.vocabulary_size, engine.end_id) == (VOCABULARY_SIZE, END_ID)


def test_the_probabilities_of_a_step_sum_to_one(engine: Engine) -> None:
    log_probs = step_through(engine, ids_of())
    assert (log_probs.dtype, log_probs.shape) == (np.dtype(np.float32), (3, 7, VOCABULARY_SIZE))
    np.testing.assert_allclose(np.exp(log_probs.astype(np.float64)).sum(axis=-1), 1, atol=1e-6)


def test_scores_of_a_window_match_single_steps(engine: Engine) -> None:
    inputs, targets = ids_of(), ids_of(seed=3)
    log_probs = step_through(engine, inputs)
    scores, _ = engine.score_window(inputs, targets, engine.start(3))
    of_targets = np.take_along_axis(log_probs, targets[..., None], axis=-1)
    np.testing.assert_allclose(scores.log_probs, of_targets[..., 0], atol=1e-5)
    np.testing.assert_array_equal(scores.ranks, 1 + (log_probs > of_targets).sum(axis=-1))
    assert (scores.log_probs.dtype.name, scores.ranks.dtype.name) == ("float32", "int32")


def test_full_distributions_match_single_steps(engine: Engine, pair: Pair) -> None:
    inputs = ids_of()
    prediction, state = engine.predict_window(inputs, engine.start(3))
    np.testing.assert_allclose(prediction.log_probs, step_through(engine, inputs), atol=1e-5)
    assert (prediction.log_probs.dtype.name, prediction.log_probs.shape) == ("float32", (3, 7, VOCABULARY_SIZE))
    expected, _ = pair.keras.model.hidden_states(inputs, pair.keras.start(3))
    assert prediction.hidden is not None
    np.testing.assert_allclose(prediction.hidden, np.asarray(expected), atol=1e-5)
    following, _ = engine.step(inputs[:, 0], state)
    np.testing.assert_allclose(following, step_through(engine, np.hstack((inputs, inputs[:, :1])))[:, -1], atol=1e-5)


def test_consecutive_windows_match_one_window(engine: Engine) -> None:
    inputs, targets = ids_of(), ids_of(seed=3)
    whole, _ = engine.score_window(inputs, targets, engine.start(3))
    first, state = engine.score_window(inputs[:, :3], targets[:, :3], engine.start(3))
    second, _ = engine.score_window(inputs[:, 3:], targets[:, 3:], state)
    np.testing.assert_allclose(np.hstack((first.log_probs, second.log_probs)), whole.log_probs, atol=1e-5)
    np.testing.assert_array_equal(np.hstack((first.ranks, second.ranks)), whole.ranks)
    fresh, _ = engine.score_window(inputs[:, 3:], targets[:, 3:], engine.start(3))
    assert not np.allclose(fresh.log_probs, second.log_probs, atol=1e-2)


@pytest.mark.parametrize("call", ["step", "score_window", "predict_window"])
def test_the_same_state_gives_the_same_result_and_is_not_changed(engine: Engine, call: str) -> None:
    _, state = engine.step(ids_of()[:, 0], engine.start(3))
    before = arrays_of(state)
    calls: dict[str, Callable[[], tuple[Any, Any]]] = {
        "step": lambda: engine.step(ids_of()[:, 1], state),
        "score_window": lambda: engine.score_window(ids_of(), ids_of(seed=3), state),
        "predict_window": lambda: engine.predict_window(ids_of(), state),
    }
    (first, after), (second, _) = calls[call](), calls[call]()
    for one, other in zip(arrays_of((first,)), arrays_of((second,)), strict=True):
        np.testing.assert_array_equal(one, other)
    for array, former in zip(arrays_of(state), before, strict=True):
        np.testing.assert_array_equal(array, former)
    assert any(not np.array_equal(*both) for both in zip(arrays_of(after), before, strict=True))


def test_selected_rows_of_a_state_continue_unchanged(engine: Engine) -> None:
    _, state = engine.step(ids_of()[:, 0], engine.start(3))
    whole, _ = engine.step(ids_of()[:, 1], state)
    rows = np.array([2, 0, 2])
    some, _ = engine.step(ids_of()[rows, 1], engine.select(state, rows))
    np.testing.assert_allclose(some, whole[rows], atol=1e-5)


def test_texts_are_scored_from_eos_and_masked_beyond_their_length(engine: Engine) -> None:
    ids, lengths = ids_of(), np.array([7, 4, 0], np.int32)
    scores = engine.score(ids, lengths)
    log_probs = step_through(engine, np.hstack((np.full((3, 1), END_ID, np.int32), ids[:, :-1])))
    expected = np.take_along_axis(log_probs, ids[..., None], axis=-1)[..., 0]
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(scores.log_probs[row, :length], expected[row, :length], atol=1e-5)
        assert (scores.ranks[row, :length] > 0).all()
        assert not scores.log_probs[row, length:].any()
        assert not scores.ranks[row, length:].any()
    assert (scores.log_probs.dtype.name, scores.ranks.dtype.name) == ("float32", "int32")


def test_padding_does_not_change_a_score(engine: Engine) -> None:
    ids, other, lengths = ids_of(), ids_of(seed=5), np.array([7, 4, 2], np.int32)
    padded = np.where(np.arange(7) < lengths[:, None], ids, other)
    np.testing.assert_array_equal(engine.score(ids, lengths).log_probs, engine.score(padded, lengths).log_probs)


def test_a_text_scores_the_same_alone_and_in_a_batch(engine: Engine) -> None:
    ids = ids_of()
    together = engine.score(ids, np.full(3, 7, np.int32))
    alone = engine.score(ids[1:2], np.full(1, 7, np.int32))
    np.testing.assert_allclose(alone.log_probs[0], together.log_probs[1], atol=1e-5)


def test_ids_of_any_integer_type_are_read(engine: Engine) -> None:
    column = ids_of()[:, 0]
    expected, _ = engine.step(column, engine.start(3))
    for kind in (np.int64, np.uint16):
        np.testing.assert_array_equal(engine.step(column.astype(kind), engine.start(3))[0], expected)


def test_ties_are_ranked_by_id() -> None:
    shapes: dict[str, Any] = {"vocabulary_size": 6, "embedding_size": 2, "hidden_sizes": (2,)}
    architecture = Architecture(**shapes)
    weights = {name: np.zeros(shape, np.float32) for name, shape in architecture.weight_shapes().items()}
    weights["projection/bias"] = np.array([0, 1, 0, 1, 2, 0], np.float32)
    model = LanguageModel(architecture)
    model.set_named_weights(weights)
    data = language_model_graph(architecture, weights).SerializeToString()
    everything = np.arange(6, dtype=np.int32)[None]
    for engine in (KerasEngine(model, end_id=0), OnnxEngine(data, architecture=architecture, end_id=0)):
        scores, _ = engine.score_window(everything, everything, engine.start(1))
        assert scores.ranks.tolist() == [[4, 2, 5, 3, 1, 6]]


@pytest.mark.parametrize(
    "changes",
    [
        {"adaptive_cutoffs": (2, 7), "layer_normalization": True, "cap_input_gate": True},
        {"mixture_size": 3, "tied": True, "hidden_sizes": (8,), "cell": "mogrifier_lstm", "mogrifier_rank": 2},
    ],
    ids=str,
)
def test_both_engines_agree(changes: dict[str, Any]) -> None:
    (keras, _), (onnx, _) = (each.predict_window(ids_of(), each.start(3)) for each in pair_of(**changes))
    np.testing.assert_allclose(onnx.log_probs, keras.log_probs, atol=1e-5)
    assert onnx.hidden is not None
    assert keras.hidden is not None
    np.testing.assert_allclose(onnx.hidden, keras.hidden, atol=1e-5)


def test_both_engines_give_the_same_scores(pair: Pair) -> None:
    (keras, _), (onnx, _) = (each.score_window(ids_of(), ids_of(seed=3), each.start(3)) for each in pair)
    np.testing.assert_allclose(onnx.log_probs, keras.log_probs, atol=1e-5)
    np.testing.assert_array_equal(onnx.ranks, keras.ranks)


def test_outer_engines_work_with_both_engines(pair: Pair, ngram_model: KneserNeyModel) -> None:
    around: dict[str, Callable[[Engine], Engine]] = {
        "cache": lambda inner: CacheEngine(inner, CacheOptions(cache_size=4, cache_weight=0.5)),
        "temperature": lambda inner: TemperatureEngine(inner, TemperatureOptions(temperature=0.5)),
        "ngram": lambda inner: NgramEngine(inner, ngram_model, weight=0.5),
        "ensemble": lambda inner: EnsembleEngine([inner, pair.keras]),
    }
    for name, make in around.items():
        outer = [make(inner) for inner in pair]
        compiles = [True, True] if name == "ensemble" else [True, False]  # an ensemble includes the Keras engine
        assert [each.compiles_each_shape for each in outer] == compiles
        expected, found = (each.score(ids_of(), np.full(3, 7, np.int32)) for each in outer)
        np.testing.assert_allclose(found.log_probs, expected.log_probs, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(step_through(outer[1], ids_of()), step_through(outer[0], ids_of()), atol=1e-4)


def test_joined_states_continue_unchanged(engine: Engine) -> None:
    inputs = ids_of()
    _, first = engine.predict_window(inputs[:1, :4], engine.start(1))
    _, others = engine.predict_window(inputs[1:, :2], engine.start(2))
    joined = engine.join([others, engine.start(1), first])
    found, _ = engine.step(inputs[[1, 2, 0, 0], [2, 2, 0, 4]], joined)
    expected = [engine.step(inputs[1:, 2], others)[0]]
    expected += [engine.step(inputs[:1, position], state)[0] for position, state in ((0, engine.start(1)), (4, first))]
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-5)


def test_joined_states_of_outer_engines_continue_unchanged(pair: Pair, ngram_model: KneserNeyModel) -> None:
    inputs, onnx = ids_of(), pair.onnx
    cache = CacheEngine(onnx, CacheOptions(cache_size=4, cache_weight=0.5))
    temperature = TemperatureEngine(cache, TemperatureOptions(temperature=0.5))
    for outer in (cache, temperature, NgramEngine(onnx, ngram_model, weight=0.5), EnsembleEngine([cache, onnx])):
        states = [
            outer.predict_window(inputs[row : row + 1, :length], outer.start(1))[1] for row, length in ((0, 6), (1, 2))
        ]
        states.append(outer.start(1))
        found, _ = outer.step(inputs[[0, 1, 2], [6, 2, 0]], outer.join(states))
        for row, (state, position) in enumerate(zip(states, (6, 2, 0), strict=True)):
            expected, _ = outer.step(inputs[row : row + 1, position], state)
            np.testing.assert_allclose(found[row], expected[0], atol=1e-5, err_msg=type(outer).__name__)
