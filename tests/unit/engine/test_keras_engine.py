from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.batching.window import TokenIds
from nextword.engine.keras_engine import KerasEngine
from nextword.models.language_model import LanguageModel

VOCABULARY_SIZE, END_ID = 11, 3


def draw_weights(model: LanguageModel, seed: int) -> None:
    """Give the model weights so large that its predictions are far from uniform."""
    random = np.random.default_rng(seed)
    shapes = model.architecture.weight_shapes()
    model.set_named_weights({name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})


def engine_of(**changes: Any) -> KerasEngine:
    sizes = {"vocabulary_size": VOCABULARY_SIZE, "embedding_size": 6, "hidden_sizes": (5, 6)}
    model = LanguageModel(Architecture(**{**sizes, **changes}), compute_dtype="bfloat16")
    draw_weights(model, seed=1)
    return KerasEngine(model, end_id=END_ID)


@pytest.fixture(scope="module")
def engine() -> KerasEngine:
    """An engine that no test changes."""
    return engine_of(hidden_dropout_rate=0.5, output_dropout_rate=0.5)


def ids_of(batch_size: int = 3, num_steps: int = 7, seed: int = 2) -> TokenIds:
    return np.random.default_rng(seed).integers(VOCABULARY_SIZE, size=(batch_size, num_steps), dtype=np.int32)


def step_through(engine: KerasEngine, inputs: TokenIds) -> NDArray[np.float32]:
    """Return the log-probabilities after each input `(B, T, V)`, one token at a time."""
    state, steps = engine.start(inputs.shape[0]), []
    for column in inputs.T:
        log_probs, state = engine.step(column, state)
        steps.append(log_probs)
    return np.stack(steps, axis=1)


def test_it_says_what_it_reads(engine: KerasEngine) -> None:
    assert (engine.vocabulary_size, engine.end_id) == (VOCABULARY_SIZE, END_ID)


def test_the_probabilities_of_a_step_sum_to_one(engine: KerasEngine) -> None:
    log_probs = step_through(engine, ids_of())
    assert (log_probs.dtype, log_probs.shape) == (np.dtype(np.float32), (3, 7, VOCABULARY_SIZE))
    np.testing.assert_allclose(np.exp(log_probs.astype(np.float64)).sum(axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tied": True},
        {"adaptive_cutoffs": (2, 7)},
        {"mixture_size": 3},
        {"mixture_size": 3, "tied": True, "hidden_sizes": (6, 8)},
        {"narrowed_output": True, "tied": True, "hidden_sizes": (6, 8)},
    ],
    ids=str,
)
def test_a_window_is_scored_as_it_is_stepped_through(changes: dict[str, Any]) -> None:
    engine = engine_of(**changes)
    inputs, targets = ids_of(), ids_of(seed=3)
    log_probs = step_through(engine, inputs)
    scores, _ = engine.score_window(inputs, targets, engine.start(3))
    of_targets = np.take_along_axis(log_probs, targets[..., None], axis=-1)
    np.testing.assert_allclose(scores.log_probs, of_targets[..., 0], atol=1e-5)
    np.testing.assert_array_equal(scores.ranks, 1 + (log_probs > of_targets).sum(axis=-1))
    assert (scores.log_probs.dtype.name, scores.ranks.dtype.name) == ("float32", "int32")


@pytest.mark.parametrize("changes", [{}, {"tied": True}, {"adaptive_cutoffs": (2, 7)}], ids=str)
def test_whole_distributions_are_those_of_the_steps(changes: dict[str, Any]) -> None:
    engine, inputs = engine_of(**changes), ids_of()
    prediction, state = engine.predict_window(inputs, engine.start(3))
    np.testing.assert_allclose(prediction.log_probs, step_through(engine, inputs), atol=1e-5)
    assert (prediction.log_probs.dtype.name, prediction.log_probs.shape) == ("float32", (3, 7, VOCABULARY_SIZE))
    expected, _ = engine.model.hidden_states(inputs, engine.start(3))
    assert prediction.hidden is not None
    np.testing.assert_allclose(prediction.hidden, np.asarray(expected), atol=1e-5)
    following, _ = engine.step(inputs[:, 0], state)
    np.testing.assert_allclose(following, step_through(engine, np.hstack((inputs, inputs[:, :1])))[:, -1], atol=1e-5)


def test_it_predicts_as_the_model_does_in_float32(engine: KerasEngine) -> None:
    logits = np.asarray(engine.model(ids_of())[0], np.float64)
    expected = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(step_through(engine, ids_of()), expected, atol=1e-5)


def test_chained_windows_are_one_window(engine: KerasEngine) -> None:
    inputs, targets = ids_of(), ids_of(seed=3)
    whole, _ = engine.score_window(inputs, targets, engine.start(3))
    first, state = engine.score_window(inputs[:, :3], targets[:, :3], engine.start(3))
    second, _ = engine.score_window(inputs[:, 3:], targets[:, 3:], state)
    np.testing.assert_allclose(np.hstack((first.log_probs, second.log_probs)), whole.log_probs, atol=1e-5)
    np.testing.assert_array_equal(np.hstack((first.ranks, second.ranks)), whole.ranks)
    anew, _ = engine.score_window(inputs[:, 3:], targets[:, 3:], engine.start(3))
    assert not np.allclose(anew.log_probs, second.log_probs, atol=1e-2)


@pytest.mark.parametrize("call", ["step", "score_window"])
def test_a_state_given_twice_gives_the_same_answer_twice(engine: KerasEngine, call: str) -> None:
    _, state = engine.step(ids_of()[:, 0], engine.start(3))
    calls: dict[str, Callable[[], tuple[Any, Any]]] = {
        "step": lambda: engine.step(ids_of()[:, 1], state),
        "score_window": lambda: engine.score_window(ids_of(), ids_of(seed=3), state),
    }
    first, _ = calls[call]()
    second, _ = calls[call]()
    np.testing.assert_array_equal(first, second)


def test_whole_texts_are_scored_from_the_end_token_and_masked_beyond_their_length(engine: KerasEngine) -> None:
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


def test_what_pads_a_text_does_not_change_its_score(engine: KerasEngine) -> None:
    ids, other, lengths = ids_of(), ids_of(seed=5), np.array([7, 4, 2], np.int32)
    padded = np.where(np.arange(7) < lengths[:, None], ids, other)
    np.testing.assert_array_equal(engine.score(ids, lengths).log_probs, engine.score(padded, lengths).log_probs)


def test_a_text_scores_the_same_alone_as_beside_others(engine: KerasEngine) -> None:
    ids = ids_of()
    together = engine.score(ids, np.full(3, 7, np.int32))
    alone = engine.score(ids[1:2], np.full(1, 7, np.int32))
    np.testing.assert_allclose(alone.log_probs[0], together.log_probs[1], atol=1e-5)


def test_it_follows_the_weights_of_its_model() -> None:
    engine, ids, lengths = engine_of(), ids_of(), np.full(3, 7, np.int32)
    before, stepped = engine.score(ids, lengths), engine.step(ids[:, 0], engine.start(3))[0]
    draw_weights(engine.model, seed=8)
    after = engine.score(ids, lengths)
    assert not np.allclose(after.log_probs, before.log_probs, atol=1e-2)
    assert not np.allclose(engine.step(ids[:, 0], engine.start(3))[0], stepped, atol=1e-2)
    np.testing.assert_allclose(after.log_probs, KerasEngine(engine.model, end_id=END_ID).score(ids, lengths).log_probs)


def test_ids_of_any_integer_type_are_read(engine: KerasEngine) -> None:
    column = ids_of()[:, 0]
    expected, _ = engine.step(column, engine.start(3))
    for kind in (np.int64, np.uint16):
        np.testing.assert_array_equal(engine.step(column.astype(kind), engine.start(3))[0], expected)
