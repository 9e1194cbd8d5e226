"""A split read by an engine from its first token to its last, the first predicted from `<eos>`.

    position      0      1      2      3
    read        <eos>   ids[0] ids[1] ids[2]
    predicted   ids[0]  ids[1] ids[2] ids[3]

The state is carried all the way: what is predicted at a position depends on everything that stands before it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.batching.sentences import SentenceBatches
from nextword.batching.streams import Streams
from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import even_pieces
from nextword.engine.engine import Engine, TokenScores, WindowPrediction
from nextword.errors import EvaluationError
from nextword.settings import require_at_least

BURN_IN = 256
"""Tokens that each row but the first reads before its own, if several rows are read side by side."""

_CONTEXT_STEPS = 512
"""Tokens of context that are read at once."""

_MOST_TOKENS = 8192
"""Tokens that are read at once if the vocabulary is small."""


class ScoredTokens(NamedTuple):
    """Tokens of a text, `(N,)` each, and how well they were predicted.

    Attributes:
        ids: The tokens.
        log_probs: Natural logarithm of each one's probability, float64.
        ranks: Place of each among all tokens, 1 the most probable.
        places: Place of each in its sentence, 1 the first after an `<eos>`.
    """

    ids: TokenIds
    log_probs: NDArray[np.float64]
    ranks: NDArray[np.int32]
    places: NDArray[np.int64]


class PredictedWindow(NamedTuple):
    """Part of a text that is read as one stream, and what was expected.

    Attributes:
        inputs: What was read `(1, T)`.
        targets: What followed each `(1, T)`.
        prediction: The distributions `(1, T, V)`, and the hidden states.
    """

    inputs: TokenIds
    targets: TokenIds
    prediction: WindowPrediction


def scored_tokens(engine: Engine, ids: TokenIds, *, batch_size: int, num_steps: int) -> Iterator[ScoredTokens]:
    """Yield the tokens of a text, each exactly once, a window of at most `batch_size * num_steps` at a time.

    Raises:
        EvaluationError: An id is not the engine's, or a log-probability is not a number.
        SettingError: `batch_size` or `num_steps` leaves its range, or the text has fewer tokens than rows.
    """
    require_at_least("batch_size", batch_size, 1)
    require_at_least("num_steps", num_steps, 1)
    require_known(engine, ids)
    streams = Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=engine.end_id, burn_in=BURN_IN)
    state = engine.start(batch_size)
    place = np.zeros(batch_size, np.int64)
    for step in range(streams.steps_per_epoch):
        window = streams.window(step)
        scores, state = engine.score_window(window.inputs, window.targets, state)
        places = _places(window.inputs, engine.end_id, place)
        place = places[:, -1]
        counted = window.weights > 0
        log_probs, ranks = require_numbers(TokenScores(scores.log_probs[counted], scores.ranks[counted]))
        yield ScoredTokens(window.targets[counted], log_probs.astype(np.float64), ranks, places[counted])


def predictions(engine: Engine, ids: TokenIds, start: int) -> Iterator[NDArray[np.float32]]:
    """Yield the log-probabilities `(V,)` with which the token at `start`, and each after it, was predicted.

    Raises:
        EvaluationError: An id is not the engine's.
    """
    require_known(engine, ids)
    inputs = np.concatenate(([engine.end_id], ids[:-1])).astype(np.int32)
    state = engine.start(1)
    position = 0
    while position + _CONTEXT_STEPS <= start:
        part = slice(position, position + _CONTEXT_STEPS)
        _, state = engine.score_window(inputs[None, part], np.asarray(ids[None, part]), state)
        position += _CONTEXT_STEPS
    for current in range(position, len(ids)):
        log_probs, state = engine.step(inputs[current : current + 1], state)
        if current >= start:
            yield log_probs[0]


def predicted_windows(engine: Engine, ids: TokenIds, *, numbers_per_step: int = 0) -> Iterator[PredictedWindow]:
    """Yield the windows of a text, read as one stream from its first token to its last, with whole distributions.

    Args:
        engine: The model at work.
        ids: The tokens of the text `(N,)`.
        numbers_per_step: What the caller needs to keep for each token besides the distribution.

    Raises:
        EvaluationError: There are no tokens, or some are not the engine's.
    """
    require_known(engine, ids)
    inputs = np.concatenate(([engine.end_id], ids[:-1])).astype(np.int32)
    state = engine.start(1)
    num_steps = even_pieces(_CONTEXT_STEPS, engine.vocabulary_size + numbers_per_step)[0].stop
    for first in range(0, len(ids), num_steps):
        part = slice(first, first + num_steps)
        prediction, state = engine.predict_window(inputs[None, part], state)
        yield PredictedWindow(inputs[None, part], np.asarray(ids[None, part]), prediction)


def token_log_probs(engine: Engine, ids: TokenIds) -> NDArray[np.float64]:
    """Return the log-probability of each token of a text `(N,)`, read as one stream."""
    scored = scored_tokens(engine, ids, batch_size=1, num_steps=_CONTEXT_STEPS)
    return np.concatenate([window.log_probs for window in scored])


def require_known(engine: Engine, ids: TokenIds) -> None:
    """Raise if a text holds no tokens, or tokens that the engine does not know."""
    if len(ids) == 0:
        raise EvaluationError("a text must have at least one token to be predicted, but has none; give more text")
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest >= engine.vocabulary_size:
        raise EvaluationError(
            f"the ids of a text must be between 0 and {engine.vocabulary_size - 1}, but reach from {lowest} to "
            f"{highest}; encode it with the model's own tokenizer"
        )


def require_numbers(scores: TokenScores) -> TokenScores:
    """Return scores, or raise if one is not a number.

    Raises:
        EvaluationError: There is one.
    """
    if np.isnan(scores.log_probs).any():
        raise EvaluationError("a log-probability must be a number, but is NaN; the model is not sound")
    return scores


def _places(inputs: TokenIds, end_id: int, before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place in its sentence of the token after each input `(B, T)`, given that of the last window's last."""
    steps = np.arange(inputs.shape[1])
    begins = np.where(inputs == end_id, steps, -before[:, None])
    return steps - np.maximum.accumulate(begins, axis=1) + 1


def sentence_batches(engine: Engine) -> SentenceBatches:
    """Return how sentences are gathered so that an engine is busy, and its distributions fit in memory."""
    most_tokens = even_pieces(_MOST_TOKENS, engine.vocabulary_size)[0].stop
    return SentenceBatches(most_tokens, few_shapes=engine.compiles_each_shape)
