"""A model without a network: a Markov chain, whose results are known exactly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Rows, State, TokenScores, WindowPrediction, score_from_start
from nextword.text.batching.window import TokenIds

Probabilities = NDArray[np.float64]


class MarkovEngine:
    """Predicts a token from the previous one with a table of probabilities `(V, V)`; its state counts the tokens."""

    compiles_each_shape = False
    mixes_rows = False

    def __init__(self, table: Probabilities, end_id: int = 0) -> None:
        with np.errstate(divide="ignore"):
            self._log_probs = np.log(table).astype(np.float32)
        self.end_id = end_id

    @property
    def vocabulary_size(self) -> int:
        return len(self._log_probs)

    def start(self, batch_size: int) -> State:
        return np.zeros(batch_size, np.int64)

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        return self._log_probs[ids], state + 1

    def select(self, state: State, rows: Rows) -> State:
        return state[rows]

    def join(self, states: Sequence[State]) -> State:
        return np.concatenate(states)

    def score_window(self, inputs: TokenIds, targets: TokenIds, state: State) -> tuple[TokenScores, State]:
        rows = self._log_probs[inputs]
        actual = np.take_along_axis(rows, targets[:, :, None], axis=2)
        before = np.arange(self.vocabulary_size) < targets[:, :, None]
        ahead = (rows > actual) | ((rows == actual) & before)
        return TokenScores(actual[:, :, 0], 1 + ahead.sum(axis=2, dtype=np.int32)), state + inputs.shape[1]

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        return WindowPrediction(self._log_probs[inputs], None), state + inputs.shape[1]

    def score(self, ids: TokenIds, lengths: NDArray[np.int32]) -> TokenScores:
        return score_from_start(self, ids, lengths)
