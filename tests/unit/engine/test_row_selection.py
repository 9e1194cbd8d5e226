from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.engine.cache_engine import CacheEngine, CacheOptions
from nextword.engine.dropout_engine import DropoutEngine
from nextword.engine.dropout_options import DropoutOptions
from nextword.engine.dynamic_engine import DynamicEngine
from nextword.engine.dynamic_options import DynamicOptions
from nextword.engine.engine import Engine
from nextword.engine.ensemble_engine import EnsembleEngine
from nextword.engine.functional_model import weights_of
from nextword.engine.gradient_statistics import GradientStatistics
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.ngram_engine import NgramEngine
from nextword.engine.row_selection import select_rows
from nextword.engine.temperature_engine import TemperatureEngine, TemperatureOptions
from nextword.models.language_model import LanguageModel
from nextword.ngram.kneser_ney import KneserNeyModel

MakeEngine = Callable[..., Engine]

ROWS = np.array([2, 0, 0, 1, 2])
READ = np.random.default_rng(0).integers(11, size=(3, 6), dtype=np.int32)


def keras_engine() -> KerasEngine:
    sizes: dict[str, Any] = {"vocabulary_size": 11, "embedding_size": 4, "hidden_sizes": (5, 4)}
    architecture = Architecture(**sizes, output_dropout_rate=0.5)
    random, model = np.random.default_rng(1), LanguageModel(architecture)
    shapes = architecture.weight_shapes()
    model.set_named_weights({name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})
    return KerasEngine(model, end_id=3)


@pytest.fixture(scope="module")
def engines(toy_engine: MakeEngine, ngram_model: KneserNeyModel) -> dict[str, Engine]:
    """Every kind of engine there is."""
    toy, keras = toy_engine(1), keras_engine()
    statistics = GradientStatistics(tuple(np.ones(array.shape, np.float32) for array in weights_of(keras.model)), 10)
    return {
        "toy": toy,
        "keras": keras,
        "temperature": TemperatureEngine(toy, TemperatureOptions(temperature=0.5)),
        "ngram": NgramEngine(toy, ngram_model, weight=0.5),
        "ensemble": EnsembleEngine([toy, keras]),
        "cache": CacheEngine(toy, CacheOptions(cache_size=4, cache_weight=0.5)),
        "cache of an ensemble": CacheEngine(EnsembleEngine([toy, toy_engine(2, hidden_size=3)]), CacheOptions()),
        "dropout": DropoutEngine(keras, DropoutOptions(num_samples=2)),
        "dynamic": DynamicEngine(keras, statistics, DynamicOptions(segment_length=4, learning_rate=0.1)),
    }


def go_on(engine: Engine, ids: NDArray[np.int32], state: Any) -> NDArray[np.float32]:
    """Read ids `(B, T)`; return what is expected after each `(B, T, V)`."""
    steps = []
    for column in ids.T:
        log_probs, state = engine.step(column, state)
        steps.append(log_probs)
    return np.stack(steps, axis=1)


KINDS = [
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


@pytest.mark.parametrize("kind", KINDS)
def test_selected_rows_go_on_as_they_would_have(engines: dict[str, Engine], kind: str) -> None:
    engine = engines[kind]
    _, state = engine.predict_window(READ, engine.start(3))
    following = np.random.default_rng(1).integers(11, size=(3, 5), dtype=np.int32)
    selected = engine.select(state, ROWS)
    expected = go_on(engine, following, state)
    found = go_on(engine, following[ROWS], selected)
    np.testing.assert_allclose(found, expected[ROWS], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(go_on(engine, following, state), expected)  # the old state is as it was
    assert np.abs(expected[0] - expected[1]).max() > 0.01  # rows that could not be told apart would prove nothing


@pytest.mark.parametrize("kind", KINDS)
def test_one_text_branches_into_several(engines: dict[str, Engine], kind: str) -> None:
    engine = engines[kind]
    _, state = engine.step(READ[:1, 0], engine.start(1))
    both = go_on(engine, READ[:2], engine.select(state, np.array([0, 0])))
    for row in (0, 1):
        np.testing.assert_allclose(both[row], go_on(engine, READ[row : row + 1], state)[0], rtol=1e-4, atol=1e-5)


def test_a_named_tuple_stays_one_and_another_axis_may_hold_the_texts() -> None:
    class Pair(NamedTuple):
        hidden: NDArray[np.int64]
        cell: NDArray[np.int64]

    array = np.arange(6).reshape(1, 3, 2)
    found = select_rows((Pair(array, array + 1), ()), np.array([2, 2]), axis=1)
    assert isinstance(found[0], Pair)
    np.testing.assert_array_equal(found[0].hidden, [[[4, 5], [4, 5]]])
    np.testing.assert_array_equal(found[0].cell, [[[5, 6], [5, 6]]])


def test_what_is_no_array_is_not_passed_over() -> None:
    with pytest.raises(TypeError, match="made of arrays and tuples to have its rows taken, but holds 3"):
        select_rows((np.zeros(2), 3), np.array([0]))
