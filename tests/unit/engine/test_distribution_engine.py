"""Properties of every outer engine."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine import distribution_engine
from nextword.engine.distribution_engine import even_pieces, interpolate, select_rows, token_scores
from nextword.engine.engine import Engine
from nextword.engine.keras.dropout_engine import DropoutEngine
from nextword.engine.keras.dynamic_engine import DynamicEngine
from nextword.engine.keras.keras_engine import KerasEngine, trainable_weights
from nextword.engine.methods.cache import CacheEngine, CacheOptions
from nextword.engine.methods.dropout import DropoutOptions
from nextword.engine.methods.dynamic import DynamicOptions
from nextword.engine.methods.ensemble import EnsembleEngine, EnsembleOptions
from nextword.engine.methods.ngram import NgramEngine
from nextword.engine.methods.temperature import TemperatureEngine, TemperatureOptions
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds

MakeEngine = Callable[..., Engine]

KINDS = ["toy", "temperature", "ensemble", "cache", "ngram", "all"]
CACHE = CacheOptions(cache_size=4, cache_theta=0.7, cache_weight=0.4)

ROWS = np.array([2, 0, 0, 1, 2])
READ = np.random.default_rng(0).integers(11, size=(3, 6), dtype=np.int32)


def engine_of(kind: str, toy_engine: MakeEngine, ngram_model: KneserNeyModel) -> Engine:
    toy = toy_engine(1)
    match kind:
        case "temperature":
            return TemperatureEngine(toy, TemperatureOptions(temperature=0.6))
        case "ensemble":
            return EnsembleEngine([toy, toy_engine(2, hidden_size=3)], EnsembleOptions(ensemble_weights=(3.0, 1.0)))
        case "cache":
            return CacheEngine(toy, CACHE)
        case "ngram":
            return NgramEngine(toy, ngram_model, weight=0.3)
        case "all":
            members = [NgramEngine(toy, ngram_model, weight=0.3), toy_engine(2)]
            return TemperatureEngine(CacheEngine(EnsembleEngine(members), CACHE), TemperatureOptions(temperature=1.3))
        case _:
            return toy


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, toy_engine: MakeEngine, ngram_model: KneserNeyModel) -> Engine:
    return engine_of(request.param, toy_engine, ngram_model)


def ids_of(batch_size: int = 3, num_steps: int = 9, seed: int = 2) -> TokenIds:
    return np.random.default_rng(seed).integers(11, size=(batch_size, num_steps), dtype=np.int32)


def probabilities_of(engine: Engine, inputs: TokenIds) -> NDArray[np.float64]:
    prediction, _ = engine.predict_window(inputs, engine.start(len(inputs)))
    return np.exp(prediction.log_probs.astype(np.float64))


def test_probabilities_sum_to_one(engine: Engine) -> None:
    probabilities = probabilities_of(engine, ids_of(num_steps=30))
    assert probabilities.shape == (3, 30, 11)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)


def test_a_window_matches_its_steps(engine: Engine) -> None:
    inputs, state = ids_of(), engine.start(3)
    whole, _ = engine.predict_window(inputs, state)
    for position, column in enumerate(inputs.T):
        log_probs, state = engine.step(column, state)
        assert log_probs.dtype == np.float32
        np.testing.assert_allclose(log_probs, whole.log_probs[:, position], atol=1e-5)


@given(cuts=st.sets(st.integers(1, 8)))
@pytest.mark.parametrize("kind", KINDS)
def test_consecutive_windows_match_one_window(
    kind: str, toy_engine: MakeEngine, ngram_model: KneserNeyModel, cuts: set[int]
) -> None:
    engine = engine_of(kind, toy_engine, ngram_model)
    inputs, targets, state = ids_of(), ids_of(seed=3), engine.start(3)
    whole, _ = engine.score_window(inputs, targets, state)
    parts = []
    bounds = [0, *sorted(cuts), 9]
    for first, last in itertools.pairwise(bounds):
        scores, state = engine.score_window(inputs[:, first:last], targets[:, first:last], state)
        parts.append(scores.log_probs)
    np.testing.assert_allclose(np.hstack(parts), whole.log_probs, atol=1e-5)


def test_the_same_state_gives_the_same_result(engine: Engine) -> None:
    inputs, targets = ids_of(), ids_of(seed=3)
    _, state = engine.predict_window(inputs, engine.start(3))
    first, after = engine.score_window(inputs, targets, state)
    engine.step(targets[:, 0], after)
    engine.step(targets[:, 1], state)
    second, _ = engine.score_window(inputs, targets, state)
    np.testing.assert_array_equal(first.log_probs, second.log_probs)
    np.testing.assert_array_equal(first.ranks, second.ranks)


def test_other_texts_of_a_batch_do_not_change_the_result(engine: Engine) -> None:
    inputs = ids_of(num_steps=12)
    together = probabilities_of(engine, inputs)
    np.testing.assert_allclose(together[1:2], probabilities_of(engine, inputs[1:2]), atol=1e-5)


def test_no_prediction_depends_on_later_tokens(engine: Engine) -> None:
    inputs = ids_of()
    changed = inputs.copy()
    changed[:, 5:] = (changed[:, 5:] + 1) % 11
    np.testing.assert_allclose(
        probabilities_of(engine, inputs)[:, :5], probabilities_of(engine, changed)[:, :5], atol=1e-6
    )
    assert not np.allclose(probabilities_of(engine, inputs)[:, 5:], probabilities_of(engine, changed)[:, 5:], atol=1e-2)


def test_scores_match_the_distributions_for_any_pieces(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, targets, state = ids_of(), ids_of(seed=3), engine.start(3)
    prediction, _ = engine.predict_window(inputs, state)
    expected = token_scores(prediction.log_probs, targets)
    monkeypatch.setattr(distribution_engine, "_MAX_NUMBERS", 2 * 3 * 11)
    scores, _ = engine.score_window(inputs, targets, state)
    np.testing.assert_allclose(scores.log_probs, expected.log_probs, atol=1e-5)
    np.testing.assert_array_equal(scores.ranks, expected.ranks)
    of_text = engine.score(targets, np.array([9, 4, 0], np.int32))
    assert (of_text.ranks[1, 4:] == 0).all()
    assert of_text.log_probs[0, 0] == pytest.approx(
        np.log(probabilities_of(engine, np.array([[3]]))[0, 0, targets[0, 0]])
    )


def test_equal_probabilities_are_ranked_by_id() -> None:
    log_probs = np.log(np.array([[[0.2, 0.4, 0.2, 0.2]]], np.float32)).repeat(4, axis=1)
    scores = token_scores(log_probs, np.array([[0, 1, 2, 3]], np.int32))
    assert scores.ranks.tolist() == [[2, 1, 3, 4]]
    assert scores.ranks.dtype == np.int32


@given(num_steps=st.integers(1, 3_000), numbers=st.integers(1, 50_000_000))
def test_pieces_cover_a_window_and_are_small(num_steps: int, numbers: int) -> None:
    pieces = even_pieces(num_steps, numbers)
    assert [position for piece in pieces for position in range(piece.start, piece.stop)] == list(range(num_steps))
    assert all((piece.stop - piece.start) * numbers <= 20_000_000 or piece.stop - piece.start == 1 for piece in pieces)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_interpolation_mixes_probabilities(weight: float) -> None:
    first, second = np.array([[0.5, 0.25, 0.25]], np.float32), np.array([[0.1, 0.8, 0.1]], np.float32)
    mixed = np.exp(interpolate(np.log(first), np.log(second), weight))
    np.testing.assert_allclose(mixed, (1 - weight) * first + weight * second, rtol=1e-6)


def keras_engine() -> KerasEngine:
    sizes: dict[str, Any] = {"vocabulary_size": 11, "embedding_size": 4, "hidden_sizes": (5, 4)}
    architecture = Architecture(**sizes, output_dropout_rate=0.5)
    random, model = np.random.default_rng(1), LanguageModel(architecture)
    shapes = architecture.weight_shapes()
    model.set_named_weights({name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})
    return KerasEngine(model, end_id=3)


@pytest.fixture(scope="module")
def engines(toy_engine: MakeEngine, ngram_model: KneserNeyModel) -> dict[str, Engine]:
    """All kinds of engines."""
    toy, keras = toy_engine(1), keras_engine()
    statistics = tuple(np.ones(array.shape, np.float32) for array in trainable_weights(keras.model))
    return {
        "toy": toy,
        "keras": keras,
        "temperature": TemperatureEngine(toy, TemperatureOptions(temperature=0.5)),
        "ngram": NgramEngine(toy, ngram_model, weight=0.5),
        "ensemble": EnsembleEngine([toy, keras]),
        "cache": CacheEngine(toy, CacheOptions(cache_size=4, cache_weight=0.5)),
        "cache of an ensemble": CacheEngine(EnsembleEngine([toy, toy_engine(2, hidden_size=3)]), CacheOptions()),
        "dropout": DropoutEngine(keras, DropoutOptions(dropout_num_samples=2)),
        "dynamic": DynamicEngine(
            keras, statistics, DynamicOptions(dynamic_segment_length=4, dynamic_learning_rate=0.1)
        ),
    }


def continue_text(engine: Engine, ids: NDArray[np.int32], state: Any) -> NDArray[np.float32]:
    """Read ids `(B, T)` and return the log-probabilities after each `(B, T, V)`."""
    steps = []
    for column in ids.T:
        log_probs, state = engine.step(column, state)
        steps.append(log_probs)
    return np.stack(steps, axis=1)


ROW_SELECTION_KINDS = [
    "toy",
    "keras",
    "temperature",
    "ngram",
    "ensemble",
    "cache",
    "cache of an ensemble",
    "dropout",
    "dynamic",
]


@pytest.mark.parametrize("kind", ROW_SELECTION_KINDS)
def test_selected_rows_continue_unchanged(engines: dict[str, Engine], kind: str) -> None:
    engine = engines[kind]
    _, state = engine.predict_window(READ, engine.start(3))
    following = np.random.default_rng(1).integers(11, size=(3, 5), dtype=np.int32)
    selected = engine.select(state, ROWS)
    expected = continue_text(engine, following, state)
    found = continue_text(engine, following[ROWS], selected)
    np.testing.assert_allclose(found, expected[ROWS], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(continue_text(engine, following, state), expected)  # the old state is not changed
    assert np.abs(expected[0] - expected[1]).max() > 0.01  # equal rows would prove nothing


@pytest.mark.parametrize("kind", ROW_SELECTION_KINDS)
def test_one_text_branches_into_several(engines: dict[str, Engine], kind: str) -> None:
    engine = engines[kind]
    _, state = engine.step(READ[:1, 0], engine.start(1))
    both = continue_text(engine, READ[:2], engine.select(state, np.array([0, 0])))
    for row in (0, 1):
        np.testing.assert_allclose(
            both[row], continue_text(engine, READ[row : row + 1], state)[0], rtol=1e-4, atol=1e-5
        )


def test_a_named_tuple_keeps_its_type() -> None:
    class Pair(NamedTuple):
        hidden: NDArray[np.int64]
        cell: NDArray[np.int64]

    array = np.arange(6).reshape(3, 2)
    found = select_rows((Pair(array, array + 1), ()), np.array([2, 2]))
    assert isinstance(found[0], Pair)
    np.testing.assert_array_equal(found[0].hidden, [[4, 5], [4, 5]])
    np.testing.assert_array_equal(found[0].cell, [[5, 6], [5, 6]])


def test_a_state_with_something_else_than_arrays_is_refused() -> None:
    with pytest.raises(TypeError):
        select_rows((np.zeros(2), 3), np.array([0]))
