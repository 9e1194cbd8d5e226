"""Interpolation with a Kneser-Ney model of the training text."""

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.engine.ngram_engine import NgramEngine, NgramOptions
from nextword.evaluation.reading import token_log_probs
from nextword.methods.method import Applied, Method, Splits
from nextword.methods.mixture import mean_log_prob, mixture_weights
from nextword.ngram.kneser_ney import KneserNeyModel, contexts_of
from nextword.settings import Settings

_ORDERS = (3, 4, 5, 6)


class Ngram(Method[NgramOptions]):
    """A Kneser-Ney model of the training ids beside the engine; order and weight can be tuned."""

    name = "ngram"
    kind: ClassVar[type[Settings]] = NgramOptions
    tunable = ("ngram_order", "ngram_weight")

    def apply(
        self, engine: Engine, options: NgramOptions, splits: Splits, to_tune: Collection[str]
    ) -> Applied[NgramOptions]:
        """Put an `NgramEngine` around `engine`."""
        train = splits.train()
        if to_tune:
            options = _tuned(engine, options, splits, to_tune)
        model = _fitted(engine, train, options.ngram_order)
        return Applied(NgramEngine(engine, model, weight=options.ngram_weight), options)


def _tuned(engine: Engine, options: NgramOptions, splits: Splits, to_tune: Collection[str]) -> NgramOptions:
    ids = splits.valid()
    own = np.exp(token_log_probs(engine, ids))
    candidates = []
    for order in _ORDERS if "ngram_order" in to_tune else (options.ngram_order,):
        model = _fitted(engine, splits.train(), order)
        counted = model.token_probabilities(contexts_of(ids, order, end_id=engine.end_id), ids)
        both = np.stack((own, counted))
        weight = options.ngram_weight
        if "ngram_weight" in to_tune:
            weight = round(float(mixture_weights(both)[1]), 4)
        score = mean_log_prob(np.array([1 - weight, weight]), both)
        candidates.append((score, options.replace(ngram_order=order, ngram_weight=weight)))
    return max(candidates, key=lambda candidate: candidate[0])[1]


def _fitted(engine: Engine, ids: TokenIds, order: int) -> KneserNeyModel:
    return KneserNeyModel.fit(ids, order, vocabulary_size=engine.vocabulary_size, end_id=engine.end_id)
