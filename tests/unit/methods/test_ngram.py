from collections.abc import Callable
from typing import Any

import numpy as np

from nextword.batching.window import TokenIds
from nextword.engine.ngram_engine import NgramOptions
from nextword.evaluation.reading import token_log_probs
from nextword.methods.method import Splits
from nextword.methods.ngram import Ngram


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
