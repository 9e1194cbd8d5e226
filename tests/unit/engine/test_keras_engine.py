"""Tests of only the Keras engine; common tests are in `test_engine_contract.py`."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.keras_engine import KerasEngine
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds
from support.engine_scores import scores_of
from support.random_weights import random_weights

VOCABULARY_SIZE, END_ID = 11, 3


def draw_weights(model: LanguageModel, seed: int) -> None:
    """Give the model weights so large that predictions are far from uniform."""
    model.set_named_weights(random_weights(model.architecture, seed))


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


@pytest.mark.parametrize(
    "changes",
    [
        {"tied": True},
        {"state_modulation": True},
        {"cell": "gru"},
    ],
    ids=str,
)
def test_scores_of_a_window_match_single_steps(changes: dict[str, Any]) -> None:
    engine = engine_of(**changes)
    inputs, targets = ids_of(), ids_of(seed=3)
    log_probs = step_through(engine, inputs)
    scores, _ = engine.score_window(inputs, targets, engine.start(3))
    of_targets = np.take_along_axis(log_probs, targets[..., None], axis=-1)
    np.testing.assert_allclose(scores.log_probs, of_targets[..., 0], atol=1e-5)
    np.testing.assert_array_equal(scores.ranks, 1 + (log_probs > of_targets).sum(axis=-1))
    assert (scores.log_probs.dtype.name, scores.ranks.dtype.name) == ("float32", "int32")


def test_it_predicts_like_the_model_in_float32(engine: KerasEngine) -> None:
    logits = np.asarray(engine.model(ids_of())[0], np.float64)
    expected = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(step_through(engine, ids_of()), expected, atol=1e-5)


def test_it_follows_the_weights_of_its_model() -> None:
    engine, ids, lengths = engine_of(), ids_of(), np.full(3, 7, np.int32)
    before, stepped = scores_of(engine, ids, lengths), engine.step(ids[:, 0], engine.start(3))[0]
    draw_weights(engine.model, seed=8)
    after = scores_of(engine, ids, lengths)
    assert not np.allclose(after.log_probs, before.log_probs, atol=1e-2)
    assert not np.allclose(engine.step(ids[:, 0], engine.start(3))[0], stepped, atol=1e-2)
    np.testing.assert_allclose(
        after.log_probs, scores_of(KerasEngine(engine.model, end_id=END_ID), ids, lengths).log_probs
    )
