"""Ensembles: the weighted mean of several engines."""

import math
from collections.abc import Sequence
from typing import override

import numpy as np

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, Rows, State, WindowPrediction
from nextword.errors import SettingError
from nextword.text.batching.window import TokenIds


class EnsembleEngine(DistributionEngine):
    """The weighted mean of the probabilities of several engines.

    Its hidden states are those of all members, concatenated; it has none if a member has none.

    Args:
        engines: The members; they read the same ids.
        weights: Their weights, scaled to a sum of one; by default, all are equal.

    Raises:
        SettingError: There are no members, they differ in vocabulary, or the weights do not fit.

    Example:
        >>> import nextword
        >>> engine = nextword.load("austen").engine
        >>> EnsembleEngine([engine, engine]).vocabulary_size
        9878
    """

    def __init__(self, engines: Sequence[Engine], weights: Sequence[float] = ()) -> None:
        if not engines:
            raise SettingError("an ensemble must have at least one model, but has none; give a model")
        kinds = sorted({(engine.vocabulary_size, engine.end_id) for engine in engines})
        if len(kinds) > 1:
            listed = " and ".join(f"{size} tokens with <eos> {end_id}" for size, end_id in kinds)
            raise SettingError(
                f"the models of an ensemble must have the same vocabulary, but have {listed}; train them on one text"
            )
        super().__init__(
            vocabulary_size=engines[0].vocabulary_size,
            end_id=engines[0].end_id,
            compiles_each_shape=any(engine.compiles_each_shape for engine in engines),
        )
        self._engines = tuple(engines)
        self._weights = _scaled(weights, len(engines))

    def start(self, batch_size: int) -> State:
        """Return the states of all members."""
        return tuple(engine.start(batch_size) for engine in self._engines)

    @override
    def select(self, state: State, rows: Rows) -> State:
        return tuple(engine.select(own, rows) for engine, own in zip(self._engines, state, strict=True))

    @override
    def join(self, states: Sequence[State]) -> State:
        members = zip(*states, strict=True)
        return tuple(engine.join(own) for engine, own in zip(self._engines, members, strict=True))

    @override
    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        mean = np.full((*inputs.shape, self.vocabulary_size), -np.inf, np.float32)
        hidden, states = [], []
        for engine, weight, own in zip(self._engines, self._weights, state, strict=True):
            prediction, after = engine.predict_window(inputs, own)
            if weight:
                np.logaddexp(mean, prediction.log_probs + np.float32(np.log(weight)), out=mean)
            hidden.append(prediction.hidden)
            states.append(after)
        known = [each for each in hidden if each is not None]
        joined = np.concatenate(known, axis=-1) if len(known) == len(hidden) else None
        return WindowPrediction(mean, joined), tuple(states)


def _scaled(weights: Sequence[float], count: int) -> tuple[float, ...]:
    given = weights or (1.0,) * count
    if len(given) != count:
        raise SettingError(f"`weights` must have {count} values, one for each model, but has {len(given)}")
    if min(given) < 0 or not 0 < sum(given) < math.inf:
        raise SettingError(
            f"`weights` must be at least 0 with a positive sum, but are {list(given)}; raise at least one"
        )
    return tuple(weight / sum(given) for weight in given)
