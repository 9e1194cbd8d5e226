"""Ensembles: the weighted mean of several engines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, override

import numpy as np

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, Rows, State, WindowPrediction
from nextword.errors import SettingError
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions(Settings):
    """The settings of an ensemble."""

    group: ClassVar[str] = "ensemble"
    task: ClassVar[str] = "method"

    ensemble_weights: tuple[float, ...] = setting(
        (), help="Weight of each model, in the order of the arguments.", at_least=0.0, at_most=1e9, unset="all equal"
    )


class EnsembleEngine(DistributionEngine):
    """The weighted mean of the probabilities of several engines.

    Its hidden states are those of all members, concatenated; it has none if a member has none.

    Args:
        engines: The members; they read the same ids.
        options: The weights, normalized to a sum of one.

    Raises:
        SettingError: There are no members, they differ in vocabulary, or the weights do not fit.

    Example:
        >>> import nextword
        >>> engine = nextword.load("austen").engine
        >>> EnsembleEngine([engine, engine]).vocabulary_size
        9878
    """

    def __init__(self, engines: Sequence[Engine], options: EnsembleOptions = EnsembleOptions()) -> None:
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
        self._weights = _scaled(options.ensemble_weights, len(engines))

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


def _scaled(weights: tuple[float, ...], count: int) -> tuple[float, ...]:
    given = weights or (1.0,) * count
    if len(given) != count:
        raise SettingError(f"`ensemble_weights` must have {count} values, one for each model, but has {len(given)}")
    if not sum(given) > 0:
        raise SettingError(f"`ensemble_weights` must have a positive sum, but are {list(given)}; raise at least one")
    return tuple(weight / sum(given) for weight in given)
