import numpy as np
import pytest

from nextword.engine.methods.ngram import Ngram, NgramEngine, NgramModelEngine, NgramOptions
from nextword.engine.ngram.interpolated_model import contexts_of
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.stream import token_log_probs
from nextword.errors import SettingError
from support.inner_engines import BigramEngine, splits_of, text_of, toy_engine

TEXT = np.random.default_rng(0).integers(6, size=12, dtype=np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_it_mixes_what_both_say(order: int, weight: float) -> None:
    toy = toy_engine(1)
    model = KneserNeyModel.fit(np.tile(TEXT, 3), order, vocabulary_size=11, end_id=toy.end_id)
    engine = NgramEngine(toy, model, weight=weight)
    inputs = np.concatenate(([toy.end_id], TEXT[:-1])).astype(np.int32)[None]
    found, _ = engine.predict_window(inputs, engine.start(1))
    own, _ = toy.predict_window(inputs, toy.start(1))
    counted = model.probabilities(contexts_of(TEXT, order, end_id=toy.end_id))
    np.testing.assert_allclose(
        np.exp(found.log_probs[0]), (1 - weight) * np.exp(own.log_probs[0]) + weight * counted, rtol=1e-4
    )


def test_a_model_of_another_vocabulary_is_refused() -> None:
    model = KneserNeyModel.fit(TEXT, 2, vocabulary_size=9, end_id=3)
    with pytest.raises(SettingError, match="must have the 11 tokens of the engine, but has 9"):
        NgramEngine(toy_engine(1), model, weight=0.5)


def test_weight_and_order_are_found() -> None:
    writer, engine = BigramEngine(seed=2, boldness=2.0), BigramEngine(seed=1)
    train, valid = text_of(writer, 2_000), text_of(writer, 500, seed=4)
    splits = splits_of(train=train, valid=valid)
    tuned = Ngram().apply(engine, NgramOptions(), splits, {"ngram_order", "ngram_weight"})
    found = token_log_probs(tuned.engine, valid).mean()
    for order in (3, 5):
        for weight in (0.0, 0.5, 0.9, 1.0):
            options = NgramOptions(ngram_order=order, ngram_weight=weight)
            assert token_log_probs(Ngram().apply(engine, options, splits, ()).engine, valid).mean() <= found + 1e-5
    assert tuned.options.to_table()["ngram_weight"] > 0.8  # the engine is not the writer


def test_untuned_it_reads_the_train_split_alone() -> None:
    splits = splits_of(train=np.array([2, 3, 0, 2, 3, 0], np.int32))
    options = NgramOptions(ngram_order=2, ngram_weight=1.0)
    engine = Ngram().apply(BigramEngine(), options, splits, ()).engine
    log_probs, _ = engine.step(np.array([2]), engine.start(1))
    assert int(log_probs.argmax()) == 3


LONG_TEXT = np.random.default_rng(0).integers(6, size=40, dtype=np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("cut", [1, 7])
def test_it_says_what_the_model_says(order: int, cut: int) -> None:
    model = KneserNeyModel.fit(LONG_TEXT, order, vocabulary_size=8, end_id=3)
    engine = NgramModelEngine(model, end_id=3)
    expected = model.probabilities(contexts_of(LONG_TEXT, order, end_id=3))
    inputs = np.concatenate(([3], LONG_TEXT[:-1])).astype(np.int32)[None]
    state, found = engine.start(1), []
    for first in range(0, len(LONG_TEXT), cut):
        prediction, state = engine.predict_window(inputs[:, first : first + cut], state)
        assert prediction.hidden is None
        found.append(prediction.log_probs[0])
    np.testing.assert_allclose(np.exp(np.concatenate(found)), expected, rtol=1e-5)


def test_rows_do_not_depend_on_their_neighbors() -> None:
    engine = NgramModelEngine(KneserNeyModel.fit(LONG_TEXT, 3, vocabulary_size=8, end_id=3), end_id=3)
    _, state = engine.predict_window(np.array([[1, 2], [4, 5]], np.int32), engine.start(2))
    both, _ = engine.step(np.array([0, 1], np.int32), state)
    alone, _ = engine.step(np.array([1], np.int32), engine.select(state, np.array([1])))
    np.testing.assert_array_equal(both[1], alone[0])
