"""Actual against predicted words: what a text says, and what the model expected at each place.

The places are those of the tutorial (Andy Thomas, "Keras LSTM tutorial", 2018). It reads windows of 30 words, each one
word further on, throws 40 of them away, and prints the last target of the ten that follow: the words 70 to 79 of the
split, counted from 0.

    window 40     word 40 ... word 69   ->  word 70
    window 41     word 41 ... word 70   ->  word 71

Ours stand at the same places, but are predicted from all that comes before, from the split's first word on, with the
state carried; the tutorial's model sees the 30 words of the window alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.engine.stream import predictions
from nextword.errors import EvaluationError
from nextword.settings import require_at_least
from nextword.text.tokenizer import Tokenizer


class Prediction(NamedTuple):
    """A token that was expected, and its probability."""

    token_id: int
    probability: float


@dataclass(frozen=True)
class ComparedToken:
    """A token of a text, and what was expected in its place.

    Attributes:
        position: Its place in the split, counted from 0.
        actual_id: The token.
        log_prob: Natural logarithm of its probability.
        rank: Its place among all tokens, 1 the most probable; equals stand in order of id.
        top: The most probable tokens, the first of them first.
    """

    position: int
    actual_id: int
    log_prob: float
    rank: int
    top: tuple[Prediction, ...]

    @property
    def surprisal_bits(self) -> float:
        """How unexpected the token was: the logarithm of one over its probability, to the base 2."""
        return max(0.0, -self.log_prob / math.log(2))


def compare(
    engine: Engine,
    ids: TokenIds,
    *,
    skip: int = 40,
    num_words: int = 10,
    num_top: int = 5,
    num_steps: int = 30,
) -> list[ComparedToken]:
    """Return the tokens at the positions `skip + num_steps` and following of a split, beside what was expected.

    Args:
        engine: The model at work.
        ids: The tokens of the split `(N,)`, all of them read from the first one on.
        skip: The tutorial's windows that are thrown away.
        num_words: How many tokens to return.
        num_top: How many of the most probable tokens to keep for each.
        num_steps: Length of the tutorial's windows; 0 makes `skip` the first position.

    Raises:
        EvaluationError: The split ends before the last of the positions, or is not the model's.
        SettingError: A number leaves its range.
    """
    require_at_least("skip", skip, 0)
    require_at_least("num_words", num_words, 1)
    require_at_least("num_top", num_top, 1)
    require_at_least("num_steps", num_steps, 0)
    start = skip + num_steps
    stop = start + num_words
    if stop > len(ids):
        raise EvaluationError(
            f"a comparison up to token {stop - 1} needs {stop} tokens, but the split has {len(ids)}; lower `skip` or "
            "`num_words`"
        )
    expected = enumerate(predictions(engine, ids[:stop], start), start)
    return [_compared(position, int(ids[position]), log_probs, num_top) for position, log_probs in expected]


def render_comparison(tokens: Sequence[ComparedToken], tokenizer: Tokenizer) -> list[str]:
    """Return a comparison as lines with aligned columns, the first of them the heading.

    A rank of 1 is a word predicted right; surprisal is in bits.
    """
    rows = [("position", "actual", "predicted", "rank", "surprisal")]
    for token in tokens:
        actual, predicted = tokenizer.display(token.actual_id), tokenizer.display(token.top[0].token_id)
        rows.append((f"{token.position:,}", actual, predicted, f"{token.rank:,}", f"{token.surprisal_bits:.2f}"))
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_aligned, row, widths, (False, True, True, False, False))) for row in rows]


def _compared(position: int, actual_id: int, log_probs: NDArray[np.float32], num_top: int) -> ComparedToken:
    actual = log_probs[actual_id]
    num_ahead = np.count_nonzero(log_probs > actual) + np.count_nonzero(log_probs[:actual_id] == actual)
    top = tuple(Prediction(int(token), math.exp(log_probs[token])) for token in _most_probable(log_probs, num_top))
    return ComparedToken(position, actual_id, float(actual), 1 + int(num_ahead), top)


def _most_probable(log_probs: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the `count` most probable tokens, equals in order of id, without sorting the vocabulary."""
    count = min(count, len(log_probs))
    candidates = np.flatnonzero(log_probs >= np.partition(log_probs, -count)[-count])
    return candidates[np.argsort(-log_probs[candidates], kind="stable")][:count]


def _aligned(cell: str, width: int, to_the_left: bool) -> str:
    padding = " " * (width - cell_len(cell))
    return cell + padding if to_the_left else padding + cell
