"""Comparison of actual and predicted words at each position of a text.

Each word is predicted from all words before it in the split, with carried state.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nextword.display.table import html_bar, html_table, table_lines
from nextword.engine.engine import Engine
from nextword.engine.stream import predictions
from nextword.errors import EvaluationError
from nextword.inference.highest import highest_first
from nextword.settings import require_at_least
from nextword.system.strict_json import finite
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.encoded_lines import shown_pre_token
from nextword.text.tokens.tokenizer import Tokenizer


class Prediction(NamedTuple):
    """A predicted token and its probability."""

    token_id: int
    probability: float


@dataclass(frozen=True)
class ComparedToken:
    """A token of a text and the predictions for its position."""

    position: int
    actual_id: int
    log_prob: float
    # Rank among all tokens; the most probable one has rank 1, and ties go in order of id; an unknown word has rank 0:
    # it cannot be predicted.
    rank: int
    top: tuple[Prediction, ...]  # the most probable tokens, in descending order

    @property
    def surprisal_bits(self) -> float:
        """Surprisal of the token in bits: minus the base-2 logarithm of its probability."""
        return max(0.0, -self.log_prob / math.log(2))


def compare(
    engine: Engine,
    ids: TokenIds,
    *,
    skip: int = 0,
    max_tokens: int = 10,
    num_top: int = 5,
    unknown_id: int | None = None,
) -> list[ComparedToken]:
    """Compare the tokens of a split, from position `skip` on, with the model's predictions.

    `unknown_id` stands for unknown words, and is no prediction.
    """
    require_at_least("skip", skip, 0)
    require_at_least("max_tokens", max_tokens, 1)
    require_at_least("num_top", num_top, 1)
    stop = skip + max_tokens
    if stop > len(ids):
        raise EvaluationError(
            f"a comparison up to token {stop - 1} needs {stop} tokens, but the split has {len(ids)}; lower `skip` or "
            "`max_tokens`"
        )
    predicted = enumerate(predictions(engine, ids[:stop], skip), skip)
    return [
        _compared(position, int(ids[position]), log_probs, num_top, unknown_id) for position, log_probs in predicted
    ]


@dataclass(frozen=True)
class ComparedWord:
    """A word of a text and the predictions for its position, for people and programs.

    Attributes:
        position: Position in the text, counted from 0.
        actual: The word.
        predicted: The most probable word.
        rank: Rank of the actual word among all words; 1 if it was predicted correctly, 0 if the vocabulary lacks it.
        surprisal_bits: Surprisal of the actual word in bits; that of an unknown word includes its spelling.
        top: The most probable words with their probabilities, in descending order.

    Example:
        >>> import nextword
        >>> found = nextword.load("austen").compare("I am very much obliged to you.", skip=4, max_tokens=1)[0]
        >>> found.actual, found.predicted, found.rank
        ('obliged', 'obliged', 1)
    """

    position: int
    actual: str
    predicted: str
    rank: int
    surprisal_bits: float
    top: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, token: ComparedToken, tokenizer: Tokenizer, written: str | None = None) -> Self:
        """Return a compared token with the words of its ids.

        Args:
            token: The token.
            tokenizer: The tokenizer of the model.
            written: The token as the text has it, if that is known; needed to spell an unknown word.
        """
        top = tuple((tokenizer.display(guess.token_id), guess.probability) for guess in token.top)
        actual, bits = tokenizer.display(token.actual_id), token.surprisal_bits
        if written is not None and token.rank == 0:
            actual, bits = shown_pre_token(written), bits - tokenizer.speller.log_prob(written) / math.log(2)
        return cls(token.position, actual, top[0][0], token.rank, bits, top)

    def to_table(self) -> dict[str, Any]:
        """Return the comparison for JSON; an infinite surprisal and the rank of an unknown word are `None`."""
        top = [{"word": word, "probability": probability} for word, probability in self.top]
        return {**asdict(self), "rank": self.rank or None, "surprisal_bits": finite(self.surprisal_bits), "top": top}


class ComparedWords(list[ComparedWord]):
    """A list of compared words that a notebook shows as a table; words that were predicted correctly have a mark.

    Example:
        >>> import nextword
        >>> words = nextword.load("austen").compare("She was very happy.")
        >>> isinstance(words, ComparedWords), words[0].actual
        (True, 'She')
    """

    def _repr_html_(self) -> str:
        most = max((word.surprisal_bits for word in self if math.isfinite(word.surprisal_bits)), default=1.0)
        rows = [
            (
                word.actual,
                word.predicted,
                "✓" if word.rank == 1 else "",
                _shown_rank(word),
                f"{word.surprisal_bits:.2f}",
                html_bar(word.surprisal_bits / max(most, 1e-9)),
                f"{word.position:,}",
            )
            for word in self
        ]
        return html_table(("actual", "predicted", "", "rank", "bits", "", "position"), rows, left=3)


def render_comparison(words: Iterable[ComparedWord]) -> list[str]:
    """Return a comparison as lines with aligned columns, beginning with a header; surprisal is in bits."""
    rows = [("position", "actual", "predicted", "rank", "surprisal")]
    rows += [(f"{w.position:,}", w.actual, w.predicted, _shown_rank(w), f"{w.surprisal_bits:.2f}") for w in words]
    return table_lines(rows, "><<>>")


def _shown_rank(word: ComparedWord) -> str:
    return f"{word.rank:,}" if word.rank else "unknown"


def _compared(
    position: int, actual_id: int, log_probs: NDArray[np.float32], num_top: int, unknown_id: int | None
) -> ComparedToken:
    actual = log_probs[actual_id]
    if unknown_id is not None:
        log_probs = log_probs.copy()
        log_probs[unknown_id] = -np.inf
    num_ahead = np.count_nonzero(log_probs > actual) + np.count_nonzero(log_probs[:actual_id] == actual)
    rank = 0 if actual_id == unknown_id else 1 + int(num_ahead)
    best = [token for token in highest_first(log_probs, num_top) if token != unknown_id]
    top = tuple(Prediction(int(token), math.exp(log_probs[token])) for token in best)
    return ComparedToken(position, actual_id, float(actual), rank, top)
