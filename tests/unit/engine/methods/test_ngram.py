from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.engine.methods.method import Splits
from nextword.engine.methods.ngram import Ngram, NgramEngine, NgramOptions
from nextword.engine.ngram.kneser_ney import KneserNeyModel, contexts_of
from nextword.engine.stream import token_log_probs
from nextword.errors import SettingError
from nextword.text.batching.window import TokenIds

TEXT = np.random.default_rng(0).integers(6, size=12, dtype=np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_it_mixes_what_both_say(toy_engine: Callable[..., Engine], order: int, weight: float) -> None:
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


def test_a_model_of_another_vocabulary_is_refused(toy_engine: Callable[..., Engine]) -> None:
    model = KneserNeyModel.fit(TEXT, 2, vocabulary_size=9, end_id=3)
    with pytest.raises(SettingError, match="must have the 11 tokens of the engine, but has 9"):
        NgramEngine(toy_engine(1), model, weight=0.5)


def test_weight_and_order_are_found(
    bigram_engine: Callable[..., Any], text_of: Callable[..., TokenIds], splits_of: Callable[..., Splits]
) -> None:
    writer, engine = bigram_engine(seed=2, boldness=2.0), bigram_engine(seed=1)
    train, valid = text_of(writer, 2_000), text_of(writer, 500, seed=4)
    splits = splits_of(train=train, valid=valid)
    tuned = Ngram().apply(engine, NgramOptions(), splits, {"ngram_order", "ngram_weight"})
    found = token_log_probs(tuned.engine, valid).mean()
    for order in (3, 5):
        for weight in (0.0, 0.5, 0.9, 1.0):
            options = NgramOptions(ngram_order=order, ngram_weight=weight)
            assert token_log_probs(Ngram().apply(engine, options, splits, ()).engine, valid).mean() <= found + 1e-5
    assert tuned.options.to_table()["ngram_weight"] > 0.8  # the engine is not the writer


def test_untuned_it_reads_the_train_split_alone(
    bigram_engine: Callable[..., Any], splits_of: Callable[..., Splits]
) -> None:
    splits = splits_of(train=np.array([2, 3, 0, 2, 3, 0], np.int32))
    options = NgramOptions(ngram_order=2, ngram_weight=1.0)
    engine = Ngram().apply(bigram_engine(), options, splits, ()).engine
    log_probs, _ = engine.step(np.array([2]), engine.start(1))
    assert int(log_probs.argmax()) == 3
