"""An engine made bolder or more careful."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, Rows, State, WindowPrediction
from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class TemperatureOptions(Settings):
    """How bold an engine is made."""

    group: ClassVar[str] = "temperature"

    temperature: float = setting(
        1.0, help="Divides all log-probabilities: below 1 bolder, above 1 more careful.", at_least=0.01, at_most=100.0
    )


class TemperatureEngine(DistributionEngine):
    r"""Divides the logits of an engine by a temperature $\tau$, and normalizes: $p_\tau(w) \propto p(w)^{1/\tau}$.

    Args:
        engine: Any engine.
        options: The temperature.
    """

    def __init__(self, engine: Engine, options: TemperatureOptions) -> None:
        super().__init__(
            vocabulary_size=engine.vocabulary_size,
            end_id=engine.end_id,
            compiles_each_shape=engine.compiles_each_shape,
        )
        self._engine = engine
        self._options = options

    def start(self, batch_size: int) -> State:
        """Return the engine's own state."""
        return self._engine.start(batch_size)

    def select(self, state: State, rows: Rows) -> State:
        """Return some rows of the engine's own state; see `Engine.select`."""
        return self._engine.select(state, rows)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Give whole distributions; see `Engine.predict_window`."""
        prediction, state = self._engine.predict_window(inputs, state)
        scaled = prediction.log_probs / np.float32(self._options.temperature)
        scaled -= log_totals(scaled)[..., None]
        return prediction._replace(log_probs=scaled), state


def log_totals(log_weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithm of the sum of weights along the last axis, given their logarithms `(..., V)`."""
    highest = log_weights.max(axis=-1, keepdims=True)
    total: NDArray[np.float32] = np.log(np.exp(log_weights - highest).sum(axis=-1)) + highest[..., 0]
    return total
