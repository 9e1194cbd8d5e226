"""An n-gram model as an engine, and as a method that mixes one with another engine."""

from collections.abc import Collection
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, override

import numpy as np

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.engine.methods.method import AppliedMethod, Method, Splits
from nextword.engine.mixture.mixture_engine import MixtureEngine, NgramPart
from nextword.engine.mixture.tuning import mixture_log_prob
from nextword.engine.ngram.interpolated_model import InterpolatedModel, contexts_of
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.stream import token_log_probs
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds


class NgramModelEngine(DistributionEngine):
    """Predicts with an n-gram model and nothing else.

    A state holds the last tokens read `(B, order - 1)`, int32, never changed in place.
    """

    def __init__(self, model: KneserNeyModel, *, end_id: int) -> None:
        super().__init__(vocabulary_size=model.vocabulary_size, end_id=end_id)
        self._model = model

    def start(self, batch_size: int) -> State:
        """Return the state at the start of a text, after one `<eos>`."""
        return np.full((batch_size, self._model.order - 1), self.end_id, np.int32)

    @override
    def predict_window(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, State]:
        length = self._model.order - 1
        read = np.concatenate((state, inputs), axis=1).astype(np.int32)  # (B, order - 1 + T)
        contexts = np.lib.stride_tricks.sliding_window_view(read, length, axis=1)[:, 1:] if length else read[..., :0]
        log_probs = self._model.log_probs(contexts.reshape(inputs.size, length))
        log_probs = log_probs.reshape(*inputs.shape, self.vocabulary_size)
        return WindowPrediction(log_probs, None), read[:, read.shape[1] - length :]


_ORDERS = (3, 4, 5, 6)


@dataclass(frozen=True, kw_only=True)
class NgramOptions(Settings):
    """Order and weight of the Kneser-Ney model.

    Example:
        >>> NgramOptions(ngram_order=6).to_table()
        {'ngram_order': 6, 'ngram_weight': 0.1}
    """

    group: ClassVar[str] = "ngram"
    task: ClassVar[str] = "method"

    ngram_order: int = setting(5, help="ngram: length of the longest n-gram.", at_least=1, at_most=16)
    ngram_weight: float = setting(0.1, help="ngram: weight in the mixture.", at_least=0.0, at_most=1.0)


class NgramEngine(MixtureEngine):
    """Mixes an engine with an n-gram model; see `NgramPart`.

    Args:
        engine: The engine.
        model: The n-gram model, fitted to ids of the same tokenizer.
        weight: Its weight, from 0 to 1.

    Raises:
        SettingError: The vocabularies differ in size.

    Example:
        >>> import nextword
        >>> engine, ids = nextword.load("austen").network, np.array([5, 6, 0, 5, 6, 0])
        >>> model = KneserNeyModel.fit(ids, 2, vocabulary_size=engine.vocabulary_size, end_id=engine.end_id)
        >>> NgramEngine(engine, model, weight=0.2).vocabulary_size
        9878
    """

    def __init__(self, engine: Engine, model: InterpolatedModel, *, weight: float) -> None:
        super().__init__(engine, [NgramPart(model, weight)])


class Ngram(Method[NgramOptions]):
    """Mixes the engine with a Kneser-Ney model of the training ids; order and weight can be tuned."""

    name = "ngram"
    options_type: ClassVar[type[Settings]] = NgramOptions
    tunable = ("ngram_order", "ngram_weight")

    def apply(
        self, engine: Engine, options: NgramOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[NgramOptions]:
        """Mix a Kneser-Ney model with `engine`."""
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
