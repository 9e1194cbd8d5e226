"""Reads a split with an engine from its first token to its last; the first token is predicted from `<eos>`.

    position      0      1      2      3
    read        <eos>   ids[0] ids[1] ids[2]
    predicted   ids[0]  ids[1] ids[2] ids[3]

The state is carried through the whole split, so each prediction depends on all tokens before it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.distribution_engine import even_pieces
from nextword.engine.engine import Engine, TokenScores, WindowPrediction
from nextword.errors import EvaluationError
from nextword.settings import require_at_least
from nextword.text.batching.sentences import SentenceBatches
from nextword.text.batching.window import Streams, TokenIds

BURN_IN = 256
"""Tokens of context that each row but the first reads before its own tokens, if a split is read as several rows."""

_CONTEXT_STEPS = 512  # tokens of context per call
_MAX_TOKENS = 8192  # maximum number of tokens per call; fewer if the vocabulary is large


class ScoredTokens(NamedTuple):
    """Scores of the tokens of a text; all arrays are `(N,)`."""

    ids: TokenIds
    log_probs: NDArray[np.float64]  # log-probability of each token, float64
    ranks: NDArray[np.int32]  # rank of each token, 1 for the most probable; zeros without ranks
    places: NDArray[np.int64]  # position of each token in its sentence, 1 for the first after an `<eos>`


class PredictedWindow(NamedTuple):
    """A window of texts that are read side by side, and its predictions."""

    inputs: TokenIds  # the tokens read `(B, T)`
    targets: TokenIds  # the token after each `(B, T)`
    prediction: WindowPrediction  # the distributions `(B, T, V)` and the hidden states


def scored_tokens(
    engine: Engine, ids: TokenIds, *, batch_size: int, num_steps: int, ranks: bool = True
) -> Iterator[ScoredTokens]:
    """Yield the scores of each token of a text exactly once, in windows of at most `batch_size * num_steps` tokens."""
    require_at_least("batch_size", batch_size, 1)
    require_at_least("num_steps", num_steps, 1)
    require_known(engine, ids)
    if not engine.compiles_each_shape:
        num_steps = min(num_steps, len(ids))  # a short text needs no padding
    streams = Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=engine.end_id, burn_in=BURN_IN)
    state = engine.start(batch_size)
    place = np.zeros(batch_size, np.int64)
    for step in range(streams.steps_per_epoch):
        window = streams.window(step)
        scores, state = engine.score_window(window.inputs, window.targets, state, ranks=ranks)
        places = _places(window.inputs, engine.end_id, place)
        place = places[:, -1]
        counted = window.weights > 0
        found = require_numbers(TokenScores(scores.log_probs[counted], scores.ranks[counted]))
        yield ScoredTokens(window.targets[counted], found.log_probs.astype(np.float64), found.ranks, places[counted])


def predictions(engine: Engine, ids: TokenIds, start: int) -> Iterator[NDArray[np.float32]]:
    """Yield the predicted log-probabilities `(V,)` of the token at `start` and of each token after it."""
    require_known(engine, ids)
    inputs = np.concatenate(([engine.end_id], ids[:-1])).astype(np.int32)
    state = engine.start(1)
    position = 0
    while position + _CONTEXT_STEPS <= start:
        part = slice(position, position + _CONTEXT_STEPS)
        _, state = engine.score_window(inputs[None, part], np.asarray(ids[None, part]), state, ranks=False)
        position += _CONTEXT_STEPS
    for current in range(position, len(ids)):
        log_probs, state = engine.step(inputs[current : current + 1], state)
        if current >= start:
            yield log_probs[0]


def predicted_windows(engine: Engine, texts: TokenIds, *, numbers_per_step: int = 0) -> Iterator[PredictedWindow]:
    """Yield the windows of texts that are read side by side, each as one stream, with full distributions."""
    require_known(engine, texts.ravel())
    batch_size, length = texts.shape
    inputs = np.concatenate((np.full((batch_size, 1), engine.end_id), texts[:, :-1]), axis=1).astype(np.int32)
    state = engine.start(batch_size)
    numbers = batch_size * (engine.vocabulary_size + numbers_per_step)
    num_steps = even_pieces(min(length, _CONTEXT_STEPS), numbers)[0].stop
    for first in range(0, length, num_steps):
        part = slice(first, first + num_steps)
        prediction, state = engine.predict_window(inputs[:, part], state)
        yield PredictedWindow(inputs[:, part], np.asarray(texts[:, part]), prediction)


def token_log_probs(engine: Engine, ids: TokenIds) -> NDArray[np.float64]:
    """Return the log-probability of each token of a text `(N,)`, read as one stream."""
    scored = scored_tokens(engine, ids, batch_size=1, num_steps=_CONTEXT_STEPS, ranks=False)
    return np.concatenate([window.log_probs for window in scored])


def require_known(engine: Engine, ids: TokenIds) -> None:
    """Raise if a text has no tokens, or an id outside the vocabulary."""
    if len(ids) == 0:
        raise EvaluationError("a text must have at least one token, but has none; give more text")
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest >= engine.vocabulary_size:
        raise EvaluationError(
            f"the ids of a text must be between 0 and {engine.vocabulary_size - 1}, but are between {lowest} and "
            f"{highest}; encode it with the model's own tokenizer"
        )


def require_numbers(scores: TokenScores) -> TokenScores:
    """Return the scores, or raise if a log-probability is NaN."""
    if np.isnan(scores.log_probs).any():
        raise EvaluationError(
            "a log-probability must be a number, but is NaN; lower `dynamic_learning_rate` if it is used, or train the "
            "model again"
        )
    return scores


def _places(inputs: TokenIds, end_id: int, before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place in its sentence of the token after each input `(B, T)`; `before` has the last places `(B,)`."""
    steps = np.arange(inputs.shape[1])
    begins = np.where(inputs == end_id, steps, -before[:, None])
    return steps - np.maximum.accumulate(begins, axis=1) + 1


def sentence_batches(engine: Engine) -> SentenceBatches:
    """Return how to batch sentences for an engine, with distributions that fit in memory."""
    most_tokens = even_pieces(_MAX_TOKENS, engine.vocabulary_size)[0].stop
    return SentenceBatches(most_tokens, few_shapes=engine.compiles_each_shape)
