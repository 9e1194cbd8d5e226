"""Base classes of engines that return full distributions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import override

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, Rows, State, TokenScores, WindowPrediction, score_in_pieces
from nextword.text.batching.window import TokenIds

_MAX_NUMBERS = 20_000_000  # maximum number of probabilities in memory at once: 80 MB in float32


class DistributionEngine(ABC):
    """Base class of an engine that only implements `start` and `predict_window`."""

    def __init__(self, *, vocabulary_size: int, end_id: int, compiles_each_shape: bool = False) -> None:
        self.vocabulary_size = vocabulary_size
        self.end_id = end_id
        self.compiles_each_shape = compiles_each_shape

    @abstractmethod
    def start(self, batch_size: int) -> State:
        """Return the state at the beginning of a text."""

    @abstractmethod
    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Return full distributions."""

    def select(self, state: State, rows: Rows) -> State:
        """Select rows of a state that is an array `(B, ...)`."""
        return state[rows]

    def join(self, states: Sequence[State]) -> State:
        """Join states that are arrays `(B, ...)`."""
        return np.concatenate(states)

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        """Read one token of each text."""
        log_probs, state = self.predict_log_probs(np.asarray(ids, np.int32)[:, None], state)
        return log_probs[:, 0], state

    def score_window(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool = True
    ) -> tuple[TokenScores, State]:
        """Score a window in pieces."""
        score = partial(self._score_piece, ranks=ranks)
        return score_in_pieces(score, inputs, targets, state, self.pieces(*inputs.shape))

    def predict_log_probs(self, inputs: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        """Return the log-probabilities of `predict_window` `(B, T, V)` and the state, without hidden states."""
        prediction, state = self.predict_window(inputs, state)
        return prediction.log_probs, state

    def pieces(self, batch_size: int, num_steps: int) -> list[slice]:
        """Cut a window into nearly equal pieces whose distributions fit in memory."""
        return even_pieces(num_steps, batch_size * self.vocabulary_size)

    def _score_piece(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool
    ) -> tuple[TokenScores, State]:
        log_probs, state = self.predict_log_probs(inputs, state)
        return token_scores(log_probs, targets, ranks=ranks), state


class OuterEngine(DistributionEngine):
    """Base class of an engine around an inner engine, with the same vocabulary and by default the same state."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(
            vocabulary_size=engine.vocabulary_size,
            end_id=engine.end_id,
            compiles_each_shape=engine.compiles_each_shape,
        )
        self._engine = engine

    @override
    def start(self, batch_size: int) -> State:
        return self._engine.start(batch_size)

    @override
    def select(self, state: State, rows: Rows) -> State:
        return self._engine.select(state, rows)

    @override
    def join(self, states: Sequence[State]) -> State:
        return self._engine.join(states)


def even_pieces(num_steps: int, numbers_per_step: int, max_numbers: int = _MAX_NUMBERS) -> list[slice]:
    """Cut `num_steps` steps into the fewest nearly equal slices of at most about `max_numbers` numbers each."""
    most = max(1, max_numbers // numbers_per_step)
    length = -(-num_steps // -(-num_steps // most))
    return [slice(first, min(first + length, num_steps)) for first in range(0, num_steps, length)]


def token_scores(log_probs: NDArray[np.float32], targets: TokenIds, *, ranks: bool = True) -> TokenScores:
    """Return the scores of `targets` `(B, T)` under `log_probs` `(B, T, V)`."""
    actual = np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]
    if not ranks:
        return TokenScores(actual, np.zeros(actual.shape, np.int32))
    rows = log_probs.reshape(-1, log_probs.shape[-1])
    found = map(_rank, rows, targets.ravel().tolist(), actual.ravel())
    return TokenScores(actual, np.fromiter(found, np.int32, actual.size).reshape(actual.shape))


def _rank(row: NDArray[np.float32], target: int, own: np.float32) -> int:
    """Return the rank of a token in a row of log-probabilities `(V,)`, in one pass."""
    return int(1 + np.count_nonzero(row[:target] >= own) + np.count_nonzero(row[target + 1 :] > own))
