"""A model without a network: a Markov chain, whose results are known exactly."""

import numpy as np
from numpy.typing import NDArray

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.text.batching.window import TokenIds

Probabilities = NDArray[np.float64]


class MarkovEngine(DistributionEngine):
    """Predicts a token from the previous one with a table of probabilities `(V, V)`; its state counts the tokens."""

    def __init__(self, table: Probabilities, end_id: int = 0) -> None:
        super().__init__(vocabulary_size=len(table), end_id=end_id)
        with np.errstate(divide="ignore"):
            self._log_probs = np.log(table).astype(np.float32)

    def start(self, batch_size: int) -> State:
        return np.zeros(batch_size, np.int64)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        return WindowPrediction(self._log_probs[inputs], None), state + inputs.shape[1]
