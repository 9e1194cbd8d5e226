from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine import dynamic_engine
from nextword.engine.dynamic import DynamicOptions
from nextword.engine.dynamic_engine import DynamicEngine, root_mean_square_gradients
from nextword.engine.engine import WindowPrediction
from nextword.engine.keras_engine import KerasEngine, Weights, trainable_weights
from nextword.inference.evaluation.perplexity import evaluate
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds
from support.engine_scores import scores_of
from support.random_weights import random_weights
from support.slow import rest_slow

Arrays = list[NDArray[np.float64]]

VOCABULARY_SIZE, SEGMENT = 7, 4
EPSILON = 0.001
FAST = DynamicOptions(dynamic_segment_length=SEGMENT, dynamic_learning_rate=0.02, dynamic_decay=0.05)


@pytest.fixture(autouse=True)
def _large_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some gradients of the statistics are zero."""
    monkeypatch.setattr(dynamic_engine, "_EPSILON", EPSILON)


def engine_of(**changes: Any) -> KerasEngine:
    sizes: dict[str, Any] = {"vocabulary_size": VOCABULARY_SIZE, "embedding_size": 3, "hidden_sizes": (3,)}
    architecture = Architecture(**{**sizes, "tied": True, "output_dropout_rate": 0.5, **changes})
    model = LanguageModel(architecture)
    model.set_named_weights(random_weights(architecture))
    return KerasEngine(model, end_id=0)


@pytest.fixture(scope="module")
def engine() -> KerasEngine:
    """An engine that no test changes."""
    return engine_of()


def statistics_of(engine: KerasEngine) -> Weights:
    """Plausible gradient statistics, with some zeros."""
    random = np.random.default_rng(2)
    arrays = [random.gamma(0.5, 0.05, array.shape) for array in trainable_weights(engine.model)]
    return tuple((array * (array > 1e-3)).astype(np.float32) for array in arrays)


def dynamic(engine: KerasEngine, **changes: Any) -> DynamicEngine:
    return DynamicEngine(engine, statistics_of(engine), FAST.replace(**changes))


def ids_of(batch_size: int = 1, num_steps: int = 18, seed: int = 3) -> TokenIds:
    return np.random.default_rng(seed).integers(VOCABULARY_SIZE, size=(batch_size, num_steps), dtype=np.int32)


def hidden_of(prediction: WindowPrediction) -> NDArray[np.float32]:
    assert prediction.hidden is not None
    return prediction.hidden


class SlowReference:
    """Dynamic evaluation of a tied one-layer LSTM in float64, with numerical gradients."""

    def __init__(self, engine: KerasEngine, options: DynamicOptions) -> None:
        self._options = options
        self._trained = [np.asarray(array, np.float64) for array in trainable_weights(engine.model)]
        self._rms = [np.asarray(array, np.float64) for array in statistics_of(engine)]

    def log_probs(self, ids: list[int]) -> NDArray[np.float64]:
        """Return the log-probabilities `(N - 1, V)` of what follows each id but the last."""
        weights = [array.copy() for array in self._trained]
        state, found, length = (np.zeros(3), np.zeros(3)), [], self._options.dynamic_segment_length
        for first in range(0, len(ids) - 1, length):
            segment, targets = ids[first : first + length], ids[first + 1 : first + 1 + length]
            log_probs, after = self._forward(weights, segment[: len(targets)], state)
            found.append(log_probs)
            if len(targets) == length:
                weights = self._moved(weights, self._gradients(weights, segment, targets, state))
            state = after
        return np.concatenate(found)

    def _moved(self, weights: Arrays, gradients: Arrays) -> Arrays:
        options, mean, moved = self._options, np.mean([rms.mean() for rms in self._rms]), []
        for now, trained, g, rms in zip(weights, self._trained, gradients, self._rms, strict=True):
            rate = np.minimum(rms / mean, 1 / options.dynamic_decay if options.dynamic_decay else np.inf)
            step = options.dynamic_decay * rate * (trained - now) - options.dynamic_learning_rate * g / (rms + EPSILON)
            moved.append(now + step)
        return moved

    def _gradients(self, weights: Arrays, segment: list[int], targets: list[int], state: Any) -> Arrays:
        def loss() -> float:
            log_probs, _ = self._forward(weights, segment, state)
            return float(-log_probs[np.arange(len(targets)), targets].mean())

        gradients, small = [np.zeros_like(array) for array in weights], 1e-5
        for array, gradient in zip(weights, gradients, strict=True):
            for place in np.ndindex(array.shape):
                before = array[place]
                array[place] = before + small
                above = loss()
                array[place] = before - small
                gradient[place] = (above - loss()) / (2 * small)
                array[place] = before
        return gradients

    def _forward(self, weights: Arrays, segment: list[int], state: Any) -> tuple[NDArray[np.float64], Any]:
        embeddings, kernel, recurrent_kernel, bias, output_bias = weights
        (hidden, cell), rows = state, []
        for token in segment:
            i, f, g, o = np.split(embeddings[token] @ kernel + hidden @ recurrent_kernel + bias, 4)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            cell = f * cell + i * np.tanh(g)
            hidden = o * np.tanh(cell)
            logits = embeddings @ hidden + output_bias
            rows.append(logits - np.log(np.exp(logits).sum()))
        return np.array(rows), (hidden, cell)


@pytest.mark.parametrize(
    "changes", [{}, {"dynamic_decay": 0.0}, {"dynamic_decay": 3.0}, {"dynamic_segment_length": 1}], ids=str
)
def test_it_matches_a_slow_reference_over_several_segments(engine: KerasEngine, changes: dict[str, Any]) -> None:
    subject, ids = dynamic(engine, **changes), ids_of(num_steps=18)
    prediction, _ = subject.predict_window(ids, subject.start(1))
    expected = SlowReference(engine, subject.options).log_probs([*ids[0].tolist(), 0])
    np.testing.assert_allclose(prediction.log_probs[0], expected, atol=2e-4)
    static, _ = engine.predict_window(ids, engine.start(1))
    assert np.abs(prediction.log_probs - static.log_probs).max() > 0.05


@pytest.mark.parametrize(
    "changes",
    rest_slow([{"hidden_sizes": (4, 3)}, {}]),
    ids=str,
)
def test_without_a_learning_rate_it_equals_the_inner_engine(changes: dict[str, Any]) -> None:
    engine = engine_of(**changes)
    subject, inputs, targets = dynamic(engine, dynamic_learning_rate=0.0), ids_of(2), ids_of(2, seed=4)
    found, _ = subject.score_window(inputs, targets, subject.start(2))
    expected, _ = engine.score_window(inputs, targets, engine.start(2))
    np.testing.assert_allclose(found.log_probs, expected.log_probs, atol=1e-5)
    np.testing.assert_array_equal(found.ranks, expected.ranks)
    prediction, _ = subject.predict_window(inputs, subject.start(2))
    within, _ = engine.predict_window(inputs, engine.start(2))
    np.testing.assert_allclose(prediction.log_probs, within.log_probs, atol=1e-5)
    np.testing.assert_allclose(hidden_of(prediction), hidden_of(within), atol=1e-5)


def test_a_huge_decay_restores_the_trained_weights(engine: KerasEngine) -> None:
    subject, trained = dynamic(engine, dynamic_learning_rate=0.0, dynamic_decay=1e9), trainable_weights(engine.model)
    (row,) = subject.start(1)
    astray = (row._replace(weights=tuple(array + 1.0 for array in trained)),)
    _, (after,) = subject.predict_window(ids_of(num_steps=SEGMENT + 1), astray)
    for now, origin, rms in zip(after.weights, trained, statistics_of(engine), strict=True):
        np.testing.assert_allclose(now, np.where(rms > 0, origin, origin + 1.0), atol=1e-6)


@pytest.mark.parametrize("num_alike", range(3, 11))
def test_no_token_influences_its_own_probability_or_an_earlier_one(engine: KerasEngine, num_alike: int) -> None:
    subject, ids = dynamic(engine, dynamic_learning_rate=0.5), ids_of(num_steps=14)
    others = np.where(np.arange(14) < num_alike, ids, (ids + 1) % VOCABULARY_SIZE)
    first, _ = subject.predict_window(ids, subject.start(1))
    second, _ = subject.predict_window(others, subject.start(1))
    np.testing.assert_array_equal(first.log_probs[:, :num_alike], second.log_probs[:, :num_alike])
    assert not np.allclose(first.log_probs[:, num_alike:], second.log_probs[:, num_alike:], atol=1e-2)


def test_the_stored_weights_are_not_changed() -> None:
    engine = engine_of()
    before = {name: array.copy() for name, array in engine.model.named_weights().items()}
    statistics = root_mean_square_gradients(engine.model, ids_of(num_steps=200)[0], end_id=0, num_steps=SEGMENT)
    subject = DynamicEngine(engine, statistics, FAST)
    scores_of(subject, ids_of(2), np.full(2, 18, np.int32))
    after = engine.model.named_weights()
    assert all(np.array_equal(after[name], array) for name, array in before.items())
    assert scores_of(engine, ids_of(), np.full(1, 18, np.int32)).log_probs.any()  # its weights were not donated


def test_it_adapts_to_an_unfamiliar_text() -> None:
    engine = engine_of(embedding_size=8, hidden_sizes=(8,))
    random = np.random.default_rng(0)
    statistics = root_mean_square_gradients(engine.model, random.integers(7, size=2_000, dtype=np.int32), end_id=0)
    ids = np.tile(np.array([3, 1, 4, 1, 5], np.int32), 80)
    options = DynamicOptions(dynamic_segment_length=5, dynamic_learning_rate=1e-3, dynamic_decay=0.001)
    static, moving = evaluate(engine, ids), evaluate(DynamicEngine(engine, statistics, options), ids)
    assert moving.perplexity < 0.5 * static.perplexity


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    """A model that no test changes."""
    sizes: dict[str, Any] = {"vocabulary_size": 6, "embedding_size": 4, "hidden_sizes": (3, 4)}
    return LanguageModel(Architecture(**sizes, tied=True, initializer_scale=0.5, output_dropout_rate=0.5), seed=1)


def squared_gradients(model: LanguageModel, inputs: list[list[int]], targets: list[list[int]], state: Any) -> Any:
    """Return the squared gradients of the mean loss of a batch, computed from its logits, and the state after it."""

    def loss(weights: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(model.trainable_variables, weights, strict=True))):
            logits, after = model(np.array(inputs, np.int32), state)
        log_probs = jax.nn.log_softmax(logits)
        return -jax.numpy.take_along_axis(log_probs, np.array(targets)[..., None], -1).mean(), after

    gradients, after = jax.grad(loss, has_aux=True)(trainable_weights(model))
    return [np.square(array) for array in gradients], after


def means_of(arrays: Any) -> list[NDArray[np.float32]]:
    return [np.sqrt(np.mean(squares, axis=0)) for squares in zip(*arrays, strict=True)]


def test_it_is_the_root_mean_square_over_batches_with_the_state_carried(model: LanguageModel) -> None:
    ids = np.array([1, 2, 3, 4, 5, 1, 1, 3, 5, 2, 4, 1], np.int32)
    inputs = [[0, 1, 2], [1, 1, 3]], [[3, 4, 5], [5, 2, 4]]
    first, state = squared_gradients(model, inputs[0], [[1, 2, 3], [1, 3, 5]], model.initial_state(2))
    second, _ = squared_gradients(model, inputs[1], [[4, 5, 1], [2, 4, 1]], state)
    found = root_mean_square_gradients(model, ids, end_id=0, batch_size=2, num_steps=3)
    for array, expected in zip(found, means_of([first, second]), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("max_tokens", [1, 11])
def test_at_most_max_tokens_are_read(model: LanguageModel, max_tokens: int) -> None:
    ids = np.array([1, 2, 3, 4, 5, 1, 1, 3, 5, 2, 4, 1], np.int32)
    found = root_mean_square_gradients(model, ids, end_id=0, batch_size=2, num_steps=3, max_tokens=max_tokens)
    only, _ = squared_gradients(model, [[0, 1, 2], [1, 1, 3]], [[1, 2, 3], [1, 3, 5]], model.initial_state(2))
    for array, expected in zip(found, means_of([only]), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-7)


def test_a_text_shorter_than_a_batch_is_read_whole(model: LanguageModel) -> None:
    found = root_mean_square_gradients(model, np.array([3, 1], np.int32), end_id=0)
    only, _ = squared_gradients(model, [[0, 3]], [[3, 1]], model.initial_state(1))
    for array, expected in zip(found, means_of([only]), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-7)
