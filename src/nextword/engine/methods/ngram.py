"""The mixture of an engine and an n-gram model."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar

import numpy as np

from nextword.engine.distribution_engine import OuterEngine, interpolate
from nextword.engine.engine import Engine, Rows, State, WindowPrediction
from nextword.engine.methods.method import AppliedMethod, Method, Splits, mixture_log_prob
from nextword.engine.ngram.kneser_ney import KneserNeyModel, contexts_of
from nextword.engine.stream import token_log_probs
from nextword.errors import SettingError
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds

_ORDERS = (3, 4, 5, 6)


@dataclass(frozen=True, kw_only=True)
class NgramOptions(Settings):
    """Order and weight of the Kneser-Ney model.

    Example:
        >>> NgramOptions(ngram_order=6).to_table()
        {'ngram_order': 6, 'ngram_weight': 0.1}
    """

    group: ClassVar[str] = "ngram"

    ngram_order: int = setting(5, help="ngram: length of the longest n-gram.", at_least=1, at_most=16, task="method")
    ngram_weight: float = setting(0.1, help="ngram: weight in the mixture.", at_least=0.0, at_most=1.0, task="method")


class NgramEngine(OuterEngine):
    r"""Mixes an engine with an n-gram model: $(1 - \lambda) \, p_\text{engine} + \lambda \, p_\text{Kneser-Ney}$.

    A state holds the state of the wrapped engine, and the last tokens read `(B, order - 1)`, int32, never changed in
    place.

    Args:
        engine: The engine to wrap.
        model: The n-gram model, fitted to ids of the same tokenizer.
        weight: $\lambda$, from 0 to 1.

    Raises:
        SettingError: The vocabularies differ in size.
    """

    def __init__(self, engine: Engine, model: KneserNeyModel, *, weight: float) -> None:
        super().__init__(engine)
        if model.vocabulary_size != engine.vocabulary_size:
            raise SettingError(
                f"the n-gram model must have the {engine.vocabulary_size} tokens of the engine, but has "
                f"{model.vocabulary_size}; fit it to ids of the model's own tokenizer"
            )
        self._model = model
        self._weight = weight

    def start(self, batch_size: int) -> State:
        """Return the state at the start of a text, after one `<eos>`."""
        return self._engine.start(batch_size), np.full((batch_size, self._model.order - 1), self.end_id, np.int32)

    def select(self, state: Any, rows: Rows) -> State:
        """Return some rows of a state; see `Engine.select`."""
        inner, latest = state
        return self._engine.select(inner, rows), latest[rows]

    def join(self, states: Sequence[Any]) -> State:
        """Return the joined state; see `Engine.join`."""
        inner, latest = zip(*states, strict=True)
        return self._engine.join(inner), np.concatenate(latest)

    def predict_window(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, State]:
        """Predict a window, always with whole distributions; see `Engine.predict_window`."""
        prediction, inner = self._engine.predict_window(inputs, state[0])
        length = self._model.order - 1
        read = np.concatenate((state[1], inputs), axis=1).astype(np.int32)  # (B, order - 1 + T)
        contexts = np.lib.stride_tricks.sliding_window_view(read, length, axis=1)[:, 1:] if length else read[..., :0]
        expected = self._model.log_probs(contexts.reshape(inputs.size, length))
        mixed = interpolate(prediction.log_probs, expected.reshape(prediction.log_probs.shape), self._weight)
        return prediction._replace(log_probs=mixed), (inner, read[:, read.shape[1] - length :])


class Ngram(Method[NgramOptions]):
    """Mixes the engine with a Kneser-Ney model of the training ids; order and weight can be tuned."""

    name = "ngram"
    options_type: ClassVar[type[Settings]] = NgramOptions
    tunable = ("ngram_order", "ngram_weight")

    def apply(
        self, engine: Engine, options: NgramOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[NgramOptions]:
        """Wrap `engine` in an `NgramEngine`."""
        train = splits.train()
        if to_tune:
            options = _tuned(engine, options, splits, to_tune)
        model = _fitted(engine, train, options.ngram_order)
        return AppliedMethod(NgramEngine(engine, model, weight=options.ngram_weight), options)


def _tuned(engine: Engine, options: NgramOptions, splits: Splits, to_tune: Collection[str]) -> NgramOptions:
    ids = splits.valid()
    own = np.exp(token_log_probs(engine, ids))
    given = None if "ngram_weight" in to_tune else options.ngram_weight
    candidates = []
    for order in _ORDERS if "ngram_order" in to_tune else (options.ngram_order,):
        model = _fitted(engine, splits.train(), order)
        counted = model.token_probabilities(contexts_of(ids, order, end_id=engine.end_id), ids)
        candidates.append((*mixture_log_prob(own, counted, given), order))
    _, weight, order = max(candidates, key=itemgetter(0))
    return options.replace(ngram_order=order, ngram_weight=weight)


def _fitted(engine: Engine, ids: TokenIds, order: int) -> KneserNeyModel:
    return KneserNeyModel.fit(ids, order, vocabulary_size=engine.vocabulary_size, end_id=engine.end_id)
