r"""Finds surprising lines, and the surprising words in them.

The surprisal of a token is $-\log_2 p(w_i \mid w_0 \dots w_{i-1})$, in bits. The surprisal of a line is the mean, the
maximum or the sum over its tokens.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from nextword.engine.text_model import TextModel
from nextword.scoring.lines import DEFAULT_OPTIONS, LineScore, ScoringOptions, score_lines, shown_tokens
from nextword.settings import require_at_least, require_one_of
from nextword.storage.strict_json import finite
from nextword.text.tokenizer import Tokenizer

Measure = Literal["mean", "max", "sum"]
"""How the surprisal of a line is computed from its tokens."""

_NUM_WORDS = 5


@dataclass(frozen=True)
class SurprisingToken:
    """A surprising token.

    Attributes:
        token: The token as text, without control characters.
        bits: Its surprisal.
        position: Its position in the line, from 1.
        is_known: Whether it is in the vocabulary.

    Example:
        >>> import nextword
        >>> (line,) = nextword.load("austen").surprising_lines(["She was here table."], k=1)
        >>> line.tokens[0].token, line.tokens[0].is_known
        ('table', True)
    """

    token: str
    bits: float
    position: int
    is_known: bool


@dataclass(frozen=True)
class SurprisingLine:
    """A surprising line.

    Attributes:
        number: Line number, from 1.
        text: The line.
        bits: Its surprisal by the selected measure.
        num_tokens: Number of tokens.
        tokens: Its most surprising tokens, the most surprising first.

    Example:
        >>> import nextword
        >>> lines = ["She was here.", "Table of is."]
        >>> found = nextword.load("austen").surprising_lines(lines, k=1)[0]
        >>> found.number, found.text
        (2, 'Table of is.')
    """

    number: int
    text: str
    bits: float
    num_tokens: int
    tokens: tuple[SurprisingToken, ...]

    def to_table(self) -> dict[str, Any]:
        """Return the values for JSON; infinite values are `None`."""
        tokens = [vars(token) | {"bits": finite(token.bits)} for token in self.tokens]
        return vars(self) | {"bits": finite(self.bits), "tokens": tokens}


def surprising_lines(
    model: TextModel,
    lines: Iterable[str],
    *,
    measure: Measure = "mean",
    threshold: float = 0.0,
    num_words: int = _NUM_WORDS,
    options: ScoringOptions = DEFAULT_OPTIONS,
) -> Iterator[SurprisingLine]:
    """Yield the lines with a surprisal of at least `threshold` bits, in order; lines without tokens are skipped.

    Args:
        model: The model.
        lines: The lines, read once.
        measure: The mean, the maximum or the sum over the tokens of a line.
        threshold: Minimum surprisal in bits.
        num_words: Number of most surprising tokens to return for each line.
        options: How lines are scored.

    Raises:
        SettingError: `measure` is unknown, or `num_words` is below 0.
        TextError: (while iterating) The tokenizer refuses a line.
    """
    require_at_least("num_words", num_words, 0)
    found = _measured(score_lines(model, lines, options), measure, threshold)
    return (_described(score, bits, model.tokenizer, num_words) for score, bits in found)


def most_surprising_lines(
    model: TextModel,
    lines: Iterable[str],
    k: int = 10,
    *,
    measure: Measure = "mean",
    threshold: float = 0.0,
    num_words: int = _NUM_WORDS,
    options: ScoringOptions = DEFAULT_OPTIONS,
) -> list[SurprisingLine]:
    """Return the `k` most surprising lines, the most surprising first, with only `k` lines in memory.

    The other arguments are those of `surprising_lines`. Of lines with equal surprisal, the earlier comes first.

    Raises:
        SettingError: `measure` is unknown, `k` is below 1, or `num_words` below 0.
        TextError: The tokenizer refuses a line.
    """
    require_at_least("k", k, 1)
    require_at_least("num_words", num_words, 0)
    best: list[tuple[float, int, SurprisingLine]] = []  # a heap, the least surprising first; of ties the latest
    for score, bits in _measured(score_lines(model, lines, options), measure, threshold):
        if len(best) < k or (bits, -score.number) > best[0][:2]:
            entry = (bits, -score.number, _described(score, bits, model.tokenizer, num_words))
            if len(best) < k:
                heapq.heappush(best, entry)
            else:
                heapq.heapreplace(best, entry)
    return [line for _, _, line in sorted(best, reverse=True)]


def _measured(scores: Iterable[LineScore], measure: Measure, threshold: float) -> Iterator[tuple[LineScore, float]]:
    require_one_of("measure", measure, get_args(Measure))
    measured = ((score, float(getattr(score.bits, measure)())) for score in scores if score.num_tokens)
    return ((score, bits) for score, bits in measured if bits >= threshold)


def _described(score: LineScore, bits: float, tokenizer: Tokenizer, num_words: int) -> SurprisingLine:
    shown, by_token = shown_tokens(tokenizer, score), score.bits
    tokens = tuple(
        SurprisingToken(shown[index], float(by_token[index]), index + 1, not score.out_of_vocabulary[index])
        for index in np.argsort(-by_token, kind="stable")[:num_words].tolist()
    )
    return SurprisingLine(score.number, score.text, bits, score.num_tokens, tokens)
