"""The laws of every engine: of both networks on the same weights, and of every engine around another."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.bundle.mixture import MixtureSettings
from nextword.engine import distribution_engine
from nextword.engine.distribution_engine import token_scores
from nextword.engine.dynamic import DynamicOptions
from nextword.engine.dynamic_engine import DynamicEngine
from nextword.engine.engine import Engine
from nextword.engine.ensemble import EnsembleEngine
from nextword.engine.keras_engine import KerasEngine, trainable_weights
from nextword.engine.mixture import mixture_engine
from nextword.engine.mixture.cache import CachePart
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.mixture_engine import MixtureEngine, NgramPart
from nextword.engine.onnx_engine import OnnxEngine
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds
from support.engine_scores import scores_of
from support.inner_engines import toy_engine
from support.random_weights import random_weights

VOCABULARY_SIZE, END_ID = 11, 3
NAMES = ["keras", "onnx", "toy", "ensemble", "cache", "ngram", "both", "all", "dynamic"]
CACHE = MixtureSettings(cache_size=4, cache_theta=0.7, cache_weight=0.4)
LATE = MixtureSettings(
    cache_size=5, cache_delay=2, cache_theta=0.7, cache_decay=0.1, cache_weight=0.9, cache_sentinel=2.0
)
DYNAMIC = DynamicOptions(dynamic_segment_length=4, dynamic_learning_rate=0.1)

Log = NDArray[np.float32]


def pair_of(**changes: Any) -> tuple[KerasEngine, OnnxEngine]:
    """Return engines with weights so large that predictions are far from uniform."""
    sizes: dict[str, Any] = {"vocabulary_size": VOCABULARY_SIZE, "embedding_size": 6, "hidden_sizes": (5, 6)}
    architecture = Architecture(**{**sizes, **changes})
    weights = random_weights(architecture)
    model = LanguageModel(architecture, compute_dtype="bfloat16")
    model.set_named_weights(weights)
    data = language_model_graph(architecture, weights).SerializeToString()
    onnx = OnnxEngine(data, architecture=architecture, end_id=END_ID, num_threads=1)
    return KerasEngine(model, end_id=END_ID), onnx


@pytest.fixture(scope="module")
def engines(ngram_model: KneserNeyModel) -> dict[str, Engine]:
    """All engines; no test changes them."""
    keras, onnx = pair_of()
    toy, other = toy_engine(1), toy_engine(2, hidden_size=3)
    ngrams = NgramPart(ngram_model, 0.3)
    members = [MixtureEngine(toy, [ngrams]), other]
    statistics = tuple(np.ones(array.shape, np.float32) for array in trainable_weights(keras.model))
    return {
        "keras": keras,
        "onnx": onnx,
        "toy": toy,
        "ensemble": EnsembleEngine([onnx, keras, toy], (3.0, 1.0, 1.0)),
        "cache": MixtureEngine(onnx, [CachePart(CACHE)]),
        "ngram": MixtureEngine(onnx, [ngrams]),
        "both": MixtureEngine(onnx, [ngrams, CachePart(LATE)]),
        "all": MixtureEngine(EnsembleEngine(members), [CachePart(CACHE)]),
        "dynamic": DynamicEngine(keras, statistics, DYNAMIC),
    }


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, engines: dict[str, Engine]) -> Engine:
    """Each of them."""
    return engines[request.param]


def ids_of(batch_size: int = 3, num_steps: int = 9, seed: int = 2) -> TokenIds:
    return np.random.default_rng(seed).integers(VOCABULARY_SIZE, size=(batch_size, num_steps), dtype=np.int32)


def step_through(engine: Engine, inputs: TokenIds, state: Any = None) -> Log:
    """Return the log-probabilities after each input `(B, T, V)`, one token at a time."""
    state, steps = engine.start(len(inputs)) if state is None else state, []
    for column in inputs.T:
        log_probs, state = engine.step(column, state)
        steps.append(log_probs)
    return np.stack(steps, axis=1)


def arrays_of(state: Any) -> list[NDArray[Any]]:
    """Return copies of the arrays of a state."""
    if isinstance(state, tuple | list):
        return [array for part in state for array in arrays_of(part)]
    return [deepcopy(np.asarray(state))] if hasattr(state, "shape") else []


def assert_near(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_probabilities_of_a_step_sum_to_one(engine: Engine) -> None:
    assert (engine.vocabulary_size, engine.end_id) == (VOCABULARY_SIZE, END_ID)
    log_probs = step_through(engine, ids_of())
    assert (log_probs.dtype, log_probs.shape) == (np.dtype(np.float32), (3, 9, VOCABULARY_SIZE))
    np.testing.assert_allclose(np.exp(log_probs.astype(np.float64)).sum(axis=-1), 1, atol=1e-5)


def test_a_window_matches_its_steps(engine: Engine) -> None:
    inputs = ids_of()
    prediction, state = engine.predict_window(inputs, engine.start(3))
    assert_near(prediction.log_probs, step_through(engine, inputs))
    assert (prediction.log_probs.dtype.name, prediction.log_probs.shape) == ("float32", (3, 9, VOCABULARY_SIZE))
    following, _ = engine.step(inputs[:, 0], state)
    assert_near(following, step_through(engine, np.hstack((inputs, inputs[:, :1])))[:, -1])


def test_scores_match_the_distributions_for_any_pieces(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, targets = ids_of(), ids_of(seed=3)
    expected = token_scores(step_through(engine, inputs), targets)
    for max_numbers in (distribution_engine._MAX_NUMBERS, 2 * 3 * 11):
        monkeypatch.setattr(distribution_engine, "_MAX_NUMBERS", max_numbers)
        scores, _ = engine.score_window(inputs, targets, engine.start(3))
        assert_near(scores.log_probs, expected.log_probs)
        np.testing.assert_array_equal(scores.ranks, expected.ranks)
        assert (scores.log_probs.dtype.name, scores.ranks.dtype.name) == ("float32", "int32")


def test_scores_without_ranks_have_the_same_log_probabilities(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture_engine, "_PIECE", 2 * 3 * 11)
    (_, state), targets = engine.predict_window(ids_of(num_steps=2), engine.start(3)), ids_of(seed=3)
    (expected, after), (scores, found) = (
        engine.score_window(ids_of(), targets, state, ranks=ranks) for ranks in (True, False)
    )
    np.testing.assert_allclose(scores.log_probs, expected.log_probs, atol=1e-6)
    assert (scores.ranks.dtype.name, scores.ranks.tolist()) == ("int32", np.zeros_like(targets).tolist())
    np.testing.assert_array_equal(engine.step(targets[:, 0], found)[0], engine.step(targets[:, 0], after)[0])
    whole = scores_of(engine, targets, np.array([9, 4, 0], np.int32), ranks=False)
    assert not whole.ranks.any()
    assert_near(whole.log_probs, scores_of(engine, targets, np.array([9, 4, 0], np.int32)).log_probs)


@pytest.mark.parametrize(
    ("name", "num_steps", "cuts"),
    [(name, 14, cuts) for name in NAMES for cuts in ([3], [4], [5], [2, 3, 11])],
)
def test_consecutive_windows_match_one_window(
    engines: dict[str, Engine], name: str, num_steps: int, cuts: list[int]
) -> None:
    engine, ids = engines[name], ids_of(num_steps=num_steps)
    whole, last = engine.predict_window(ids, engine.start(3))
    state, parts = engine.start(3), []
    for part in np.split(ids, cuts, axis=1):
        prediction, state = engine.predict_window(part, state)
        parts.append(prediction)
    assert_near(np.concatenate([part.log_probs for part in parts], axis=1), whole.log_probs)
    if whole.hidden is not None:
        assert_near(np.concatenate([part.hidden for part in parts], axis=1), whole.hidden)
    for found, expected in zip(arrays_of(state), arrays_of(last), strict=True):
        assert_near(found, expected)
    fresh, _ = engine.predict_window(ids[:, cuts[-1] :], engine.start(3))
    assert not np.allclose(fresh.log_probs, parts[-1].log_probs, atol=1e-2)


@pytest.mark.parametrize("call", ["step", "score_window", "predict_window"])
def test_the_same_state_gives_the_same_result_and_is_not_changed(engine: Engine, call: str) -> None:
    _, state = engine.predict_window(ids_of()[:, :6], engine.start(3))
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
    _, state = engine.predict_window(ids_of(num_steps=6), engine.start(3))
    following, rows = ids_of(num_steps=5, seed=1), np.array([2, 0, 0, 1, 2])
    expected = step_through(engine, following, state)
    assert_near(step_through(engine, following[rows], engine.select(state, rows)), expected[rows])
    np.testing.assert_array_equal(step_through(engine, following, state), expected)  # the old state is not changed
    assert np.abs(expected[0] - expected[1]).max() > 0.01  # equal rows would prove nothing
    _, one = engine.step(following[:1, 0], engine.start(1))
    both = step_through(engine, following[:2], engine.select(one, np.array([0, 0])))
    for row in (0, 1):
        assert_near(both[row], step_through(engine, following[row : row + 1], one)[0])


@pytest.mark.parametrize("name", NAMES)
def test_joined_states_continue_unchanged(engines: dict[str, Engine], name: str) -> None:
    engine, inputs = engines[name], ids_of()
    lengths = (6, 2, 0)
    states = [
        engine.predict_window(inputs[row : row + 1, :length], engine.start(1))[1] if length else engine.start(1)
        for row, length in enumerate(lengths)
    ]
    found, _ = engine.step(inputs[[0, 1, 2], lengths], engine.join(states))
    for row, (state, length) in enumerate(zip(states, lengths, strict=True)):
        assert_near(found[row], engine.step(inputs[row : row + 1, length], state)[0][0])


def test_texts_are_scored_from_eos_and_masked_beyond_their_length(engine: Engine) -> None:
    ids, lengths = ids_of(), np.array([9, 4, 0], np.int32)
    scores = scores_of(engine, ids, lengths)
    log_probs = step_through(engine, np.hstack((np.full((3, 1), END_ID, np.int32), ids[:, :-1])))
    expected = np.take_along_axis(log_probs, ids[..., None], axis=-1)[..., 0]
    for row, length in enumerate(lengths):
        assert_near(scores.log_probs[row, :length], expected[row, :length])
        assert (scores.ranks[row, :length] > 0).all()
        assert not scores.log_probs[row, length:].any()
        assert not scores.ranks[row, length:].any()
    padded = np.where(np.arange(9) < lengths[:, None], ids, ids_of(seed=5))
    np.testing.assert_array_equal(scores.log_probs, scores_of(engine, padded, lengths).log_probs)


def test_a_text_scores_the_same_alone_and_in_a_batch(engine: Engine) -> None:
    together = scores_of(engine, ids_of(), np.full(3, 9, np.int32))
    alone = scores_of(engine, ids_of()[1:2], np.full(1, 9, np.int32))
    assert_near(alone.log_probs[0], together.log_probs[1])


def test_no_prediction_depends_on_later_tokens(engine: Engine) -> None:
    inputs = ids_of()
    changed = np.where(np.arange(9) < 5, inputs, (inputs + 1) % VOCABULARY_SIZE)
    one, other = (engine.predict_window(each, engine.start(3))[0].log_probs for each in (inputs, changed))
    assert_near(one[:, :5], other[:, :5])
    assert not np.allclose(one[:, 5:], other[:, 5:], atol=1e-2)


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
        {},
        {"state_modulation": True, "tied": True, "hidden_sizes": (6,)},
        {"cell": "gru"},
    ],
    ids=str,
)
def test_both_networks_agree(changes: dict[str, Any]) -> None:
    pair = pair_of(**changes)
    keras, onnx = (each.predict_window(ids_of(), each.start(3))[0] for each in pair)
    assert_near(onnx.log_probs, keras.log_probs)
    assert onnx.hidden is not None
    assert keras.hidden is not None
    assert_near(onnx.hidden, keras.hidden)
    keras_scores, onnx_scores = (each.score_window(ids_of(), ids_of(seed=3), each.start(3))[0] for each in pair)
    assert_near(onnx_scores.log_probs, keras_scores.log_probs)
    np.testing.assert_array_equal(onnx_scores.ranks, keras_scores.ranks)


def test_an_outer_engine_compiles_what_its_engine_compiles(engines: dict[str, Engine]) -> None:
    compiles = {name: engine.compiles_each_shape for name, engine in engines.items()}
    assert {name for name in NAMES if compiles[name]} == {"keras", "ensemble", "dynamic"}
