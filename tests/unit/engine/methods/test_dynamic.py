import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.keras.dynamic_engine import DynamicEngine, root_mean_square_gradients
from nextword.engine.keras.keras_engine import KerasEngine
from nextword.engine.methods.dynamic import Dynamic, DynamicOptions, hill_climb, mean_log_prob
from nextword.engine.stream import token_log_probs
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from support.inner_engines import BigramEngine, splits_of
from support.random_weights import random_weights

NAMES = ("dynamic_learning_rate", "dynamic_decay")


@given(rate=st.floats(1e-6, 1e-1), decay=st.floats(1e-5, 1.0))
def test_hill_climbing_finds_the_maximum(rate: float, decay: float) -> None:
    def score(options: DynamicOptions) -> float:
        return -(math.log(options.dynamic_learning_rate / rate) ** 2) - math.log(options.dynamic_decay / decay) ** 2

    top = hill_climb(score, DynamicOptions(), NAMES)
    assert abs(math.log2(top.dynamic_learning_rate / rate)) <= 0.3
    assert abs(math.log2(top.dynamic_decay / decay)) <= 0.3


def test_no_setting_is_tried_twice_and_others_do_not_change() -> None:
    tried: list[DynamicOptions] = []

    def score(options: DynamicOptions) -> float:
        tried.append(options)
        return -abs(math.log(options.dynamic_learning_rate / 0.001))

    top = hill_climb(score, DynamicOptions(dynamic_decay=0.5), ["dynamic_learning_rate"])
    assert len(set(tried)) == len(tried)
    assert top.dynamic_decay == 0.5


def test_diverging_settings_are_not_chosen() -> None:
    engine, ids = BigramEngine(), np.array([2, 3, 4], np.int32)
    assert mean_log_prob(engine, ids) == pytest.approx(token_log_probs(engine, ids).mean())
    engine.table = np.full_like(engine.table, np.nan)
    assert mean_log_prob(engine, ids) == -math.inf
    bound = hill_climb(
        lambda options: -math.inf if options.dynamic_learning_rate > 3e-4 else 1.0, DynamicOptions(), NAMES
    )
    assert bound == DynamicOptions()


@pytest.fixture(scope="module")
def keras_engine() -> KerasEngine:
    """A small model with weights large enough to learn from text."""
    model = LanguageModel(Architecture(vocabulary_size=7, embedding_size=4, hidden_sizes=(5,)))
    model.set_named_weights(random_weights(model.architecture, 0))
    return KerasEngine(model, end_id=0)


def test_gradient_statistics_come_from_the_training_split_only(keras_engine: KerasEngine) -> None:
    train, options = (
        np.random.default_rng(1).integers(7, size=900, dtype=np.int32),
        DynamicOptions(dynamic_segment_length=6),
    )
    applied = Dynamic().apply(keras_engine, options, splits_of(train=train), ())
    expected = root_mean_square_gradients(keras_engine.model, train, end_id=0, num_steps=6)
    text = np.random.default_rng(2).integers(7, size=60, dtype=np.int32)
    assert applied.options == options
    np.testing.assert_allclose(
        token_log_probs(applied.engine, text),
        token_log_probs(DynamicEngine(keras_engine, expected, options), text),
        rtol=1e-5,
    )


def test_tuned_settings_come_from_valid_and_are_used(keras_engine: KerasEngine) -> None:
    train = np.random.default_rng(1).integers(7, size=900, dtype=np.int32)
    valid = np.tile(np.array([3, 5, 2, 0], np.int32), 40)
    plain = Dynamic().apply(keras_engine, DynamicOptions(), splits_of(train=train), ())
    tuned = Dynamic().apply(
        keras_engine, DynamicOptions(), splits_of(train=train, valid=valid), {"dynamic_learning_rate"}
    )
    assert tuned.options.dynamic_learning_rate != plain.options.dynamic_learning_rate
    assert tuned.options.dynamic_decay == plain.options.dynamic_decay
    best = mean_log_prob(tuned.engine, valid)
    assert best > mean_log_prob(plain.engine, valid)
    for factor in (0.5, 2.0):
        aside = tuned.options.replace(dynamic_learning_rate=factor * tuned.options.dynamic_learning_rate)
        assert best >= mean_log_prob(Dynamic().apply(keras_engine, aside, splits_of(train=train), ()).engine, valid)
