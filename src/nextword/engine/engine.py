"""The engine interface: evaluation, scoring, suggestion and generation use a model only through it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nextword.engine.prefix_cache import PrefixCache
from nextword.text.batching.window import TokenIds

State = Any
"""The state that an engine carries from call to call; its structure is private to the engine."""

Rows = NDArray[np.intp]
"""Indices of texts in a batch, in any order."""


class TokenScores(NamedTuple):
    """Scores of tokens, each predicted from all tokens before it."""

    log_probs: NDArray[np.float32]  # log-probability of each token `(B, T)`, float32
    ranks: NDArray[np.int32]  # 1 for the most probable token, ties in order of id `(B, T)`; zeros without ranks


class WindowPrediction(NamedTuple):
    """The predictions after each token of a window."""

    log_probs: NDArray[np.float32]  # log-probability of each possible next token `(B, T, V)`, float32
    hidden: NDArray[np.float32] | None  # of the last layer `(B, T, H)`, for caches; `None` if the engine has none


class Engine(Protocol):
    """Runs a language model over a batch of texts.

    State is an argument and a result: the same state always gives the same result.

    Example:
        >>> import nextword, numpy as np
        >>> engine = nextword.load("austen").engine
        >>> log_probs, state = engine.step(np.array([engine.end_id]), engine.start(batch_size=1))
        >>> log_probs.shape, round(float(np.exp(log_probs).sum()), 3)
        ((1, 9878), 1.0)
    """

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens `V`."""

    @property
    def end_id(self) -> int:
        """The id of `<eos>`, the input before the first token of every text."""

    @property
    def compiles_each_shape(self) -> bool:
        """Whether the first window of each shape `(B, T)` takes long."""

    def start(self, batch_size: int) -> State:
        """Return the state at the beginning of a text."""

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        """Read one token of each text, `(B,)`.

        Returns:
            The log-probabilities of the next token `(B, V)`, and the state.
        """

    def select(self, state: State, rows: Rows) -> State:
        """Return the state `(R, ...)` whose text `i` is the text `rows[i]` of `state`.

        A row that is selected several times branches its text, and a row that is not selected is dropped. Each row
        continues as it would in the old state. `state` itself is not changed.
        """

    def join(self, states: Sequence[State]) -> State:
        """Return the state with the texts of all `states`, in order; the reverse of `select`.

        Each text continues as it would in its own state. The states themselves are not changed.

        Raises:
            ValueError: The texts cannot share a step.
        """

    def score_window(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool = True
    ) -> tuple[TokenScores, State]:
        """Read `inputs` `(B, T)` and score the target `(B, T)` after each.

        Args:
            inputs: The tokens to read.
            targets: The token after each.
            state: The state before the first input.
            ranks: Whether to find the ranks; without them, a mixture needs no full distributions.

        Returns:
            The scores of the targets, and the state after the last input.
        """

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        """Read `inputs` `(B, T)` and return the full distribution of the next token after each.

        The result has `B * T * V` numbers; `nextword.engine.distribution_engine` cuts long windows into pieces.

        Returns:
            The predictions, and the state after the last input.
        """


def read_text(
    engine: Engine, ids: Sequence[int], prefixes: PrefixCache | None = None
) -> tuple[NDArray[np.float32], State]:
    """Read a text; return the log-probabilities of the next token `(1, V)`, and the state.

    `prefixes` has the beginnings of texts that were read before, and keeps that of this one.
    """
    text = [engine.end_id, *ids]
    known = None if prefixes is None else prefixes.find(text)
    first, state = (0, engine.start(1)) if known is None else (known.num_tokens, known.state)
    for token_id in text[first:-1]:
        _, state = engine.step(np.array([token_id], np.int32), state)
    if prefixes is not None:
        prefixes.keep(text[:-1], state)
    return engine.step(np.array(text[-1:], np.int32), state)


def score_in_pieces(
    score: Callable[[TokenIds, TokenIds, State], tuple[TokenScores, State]],
    inputs: TokenIds,
    targets: TokenIds,
    state: State,
    pieces: Iterable[slice],
) -> tuple[TokenScores, State]:
    """Score a window `(B, T)` in pieces, with the state carried from piece to piece."""
    scored = []
    for piece in pieces:
        scores, state = score(inputs[:, piece], targets[:, piece], state)
        scored.append(scores)
    log_probs, ranks = (np.concatenate(parts, axis=1) for parts in zip(*scored, strict=True))
    return TokenScores(log_probs, ranks), state
