"""What every engine offers: all that evaluation, scoring, suggestion and generation know of a model."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds

State = Any
"""What an engine carries from one call to the next; only the engine looks inside."""

Rows = NDArray[np.intp]
"""Places of texts in a batch, in any order."""


class TokenScores(NamedTuple):
    """How well given tokens were predicted, each from all before it.

    Attributes:
        log_probs: Natural logarithm of each token's probability `(B, T)`, float32.
        ranks: Place of each token among all, 1 the most probable `(B, T)`, int32; equals stand in order of id.
    """

    log_probs: NDArray[np.float32]
    ranks: NDArray[np.int32]


class WindowPrediction(NamedTuple):
    """What is expected after each token of a window.

    Attributes:
        log_probs: Natural logarithm of the probability of each token that may follow `(B, T, V)`, float32.
        hidden: What the last layer made of the text so far `(B, T, H)`, float32, for caches; `None` if an engine
            has no hidden states.
    """

    log_probs: NDArray[np.float32]
    hidden: NDArray[np.float32] | None


class Engine(Protocol):
    """A language model at work, over a batch of texts that it reads side by side.

    State is an argument and a result: the same state given twice gives the same answer twice.
    """

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens `V`."""

    @property
    def end_id(self) -> int:
        """The id of `<eos>`, which stands before the first token of every text."""

    @property
    def compiles_each_shape(self) -> bool:
        """Whether a window of a shape `(B, T)` that was not met before takes long the first time."""

    def start(self, batch_size: int) -> State:
        """Return the state in which a text begins, before anything is read."""

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        """Read one token of each text, `(B,)`.

        Returns:
            The log-probabilities of the token that follows `(B, V)`, and the state.
        """

    def select(self, state: State, rows: Rows) -> State:
        """Return the state `(R, ...)` whose text `i` is the text `rows[i]` of `state`.

        A row may be taken several times, which branches its text, or not at all, which drops it. What follows from
        the new state is what would have followed from the old one in those rows; `state` itself stays as it is.
        """

    def score_window(self, inputs: TokenIds, targets: TokenIds, state: State) -> tuple[TokenScores, State]:
        """Read `inputs` `(B, T)`, scoring after each the target `(B, T)` that follows it.

        Returns:
            The scores of the targets, and the state after the last input.
        """

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Read `inputs` `(B, T)`, giving after each the whole distribution of what follows.

        The result has `B * T * V` numbers; `nextword.engine.distribution_engine` cuts long windows into pieces.

        Returns:
            The predictions, and the state after the last input.
        """

    def score(self, ids: TokenIds, lengths: NDArray[np.int32]) -> TokenScores:
        """Score whole texts `(B, T)`, of which `lengths` `(B,)` tokens count, from the beginning.

        Returns:
            The scores of the ids, the first predicted from `<eos>`; what is beyond a length has log-probability 0 and
            rank 0.
        """


def read_text(engine: Engine, ids: Sequence[int]) -> tuple[NDArray[np.float32], State]:
    """Read a text from its beginning.

    Returns:
        The log-probabilities of the token that follows `(1, V)`, and the state.
    """
    log_probs, state = engine.step(np.array([engine.end_id], np.int32), engine.start(1))
    for token_id in ids:
        log_probs, state = engine.step(np.array([token_id], np.int32), state)
    return log_probs, state


def score_in_pieces(
    score: Callable[[TokenIds, TokenIds, State], tuple[TokenScores, State]],
    inputs: TokenIds,
    targets: TokenIds,
    state: State,
    pieces: Iterable[slice],
) -> tuple[TokenScores, State]:
    """Score a window `(B, T)` piece by piece, with the state carried from one to the next.

    Args:
        score: Scores one piece, such as `Engine.score_window`.
        inputs: What is read `(B, T)`.
        targets: What follows each `(B, T)`.
        state: The state before the first input.
        pieces: The steps of each piece; at least one.

    Returns:
        The scores of all targets, and the state after the last input.
    """
    found = []
    for piece in pieces:
        scores, state = score(inputs[:, piece], targets[:, piece], state)
        found.append(scores)
    log_probs, ranks = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    return TokenScores(log_probs, ranks), state


def score_from_start(engine: Engine, ids: TokenIds, lengths: NDArray[np.int32]) -> TokenScores:
    """Do what `Engine.score` promises by way of `Engine.score_window`."""
    first = np.full((ids.shape[0], 1), engine.end_id, np.int32)
    inputs = np.concatenate((first, ids[:, :-1]), axis=1)
    scores, _ = engine.score_window(inputs, ids, engine.start(ids.shape[0]))
    counted = np.arange(ids.shape[1]) < lengths[:, None]
    return TokenScores(np.where(counted, scores.log_probs, np.float32(0)), np.where(counted, scores.ranks, 0))
