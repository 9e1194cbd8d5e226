"""The score of a line, token by token, and the totals over many lines."""

import math
import reprlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nextword.display.table import Markup, html_stack, html_table, table_lines
from nextword.display.tokens import translucent
from nextword.errors import EvaluationError
from nextword.system.strict_json import finite
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.encoded_lines import shown_pre_token, surface
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END

LN_10 = math.log(10)
"""Divide a natural logarithm by it to get the logarithm to base 10."""


@dataclass(frozen=True, eq=False)
class LineScore:
    r"""A line with the log-probability of each of its tokens $w_1 \dots w_N$, given the tokens before it.

    Attributes:
        number: Line number, from 1.
        text: The line.
        ids: The counted tokens `(N,)`; with `eos`, `<eos>` is the last.
        log_probs: Natural log-probability of each token `(N,)`, float32; that of an unknown word is
            $\ln p(\texttt{<unk>} \mid \text{context}) + \ln p(\text{spelling} \mid \text{unknown})$, or the first alone
            without `spell`.
        ranks: Rank of each token, 1 for the most probable `(N,)`; 0 for an unknown word, which has none. All are 0 if
            the line was scored without ranks.
        out_of_vocabulary: Whether each token is out of vocabulary `(N,)`.
        spelling_log_probs: The part of `log_probs` that is due to spelling; 0 for known words `(N,)`, float64.

    Example:
        >>> import nextword
        >>> score = nextword.load("austen").score("She was very happy.")
        >>> score.num_tokens, score.num_out_of_vocabulary, score.ranks.shape
        (6, 0, (6,))
    """

    number: int
    text: str
    ids: TokenIds
    log_probs: NDArray[np.float32]
    ranks: NDArray[np.int32]
    out_of_vocabulary: NDArray[np.bool_]
    spelling_log_probs: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"LineScore({reprlib.repr(self.text)}, log_prob {self.log_prob:.3f}, {self.num_tokens} tokens)"

    def _repr_html_(self) -> str:
        figures = {
            "tokens": f"{self.num_tokens:,}",
            "out of vocabulary": f"{self.num_out_of_vocabulary:,}",
            "log-probability": f"{self.log_prob:.3f}",
            "log10-probability": f"{self.log10_prob:.3f}",
            "perplexity": f"{self.perplexity:,.2f}" if self.num_tokens else "",
        }
        return html_table(("line", *figures), [(self.text, *figures.values())])

    @property
    def num_tokens(self) -> int:
        """Number of counted tokens $N$."""
        return len(self.ids)

    @cached_property
    def num_out_of_vocabulary(self) -> int:
        """Number of out-of-vocabulary tokens."""
        return int(np.count_nonzero(self.out_of_vocabulary))

    @cached_property
    def log_prob(self) -> float:
        r"""Natural log-probability of the line, $\sum_i \ln p(w_i \mid w_0 \dots w_{i-1})$."""
        return float(self.log_probs.sum(dtype=np.float64))

    @property
    def log10_prob(self) -> float:
        """Log-probability of the line to base 10, as in KenLM."""
        return self.log_prob / LN_10

    @property
    def bits(self) -> NDArray[np.float64]:
        """The surprisal of each token in bits `(N,)`."""
        return self.log_probs.astype(np.float64) / -math.log(2)

    @property
    def perplexity(self) -> float:
        r"""$\exp(-\frac{1}{N} \ln p)$; infinite if a token has probability 0.

        Raises:
            EvaluationError: No token is counted, because the line is empty and `eos` is off.
        """
        return perplexity(self.log_prob, self.num_tokens)

    def to_table(self) -> dict[str, Any]:
        """Return the values for JSON; infinite or undefined values are `None`."""
        return {
            "line": self.number,
            "text": self.text,
            "log_prob": finite(self.log_prob),
            "log10_prob": finite(self.log10_prob),
            "num_tokens": self.num_tokens,
            "num_out_of_vocabulary": self.num_out_of_vocabulary,
            "perplexity": finite(self.perplexity) if self.num_tokens else None,
        }


def perplexity(log_prob: float, num_tokens: int) -> float:
    r"""Return $\exp(-\frac{1}{N} \ln p)$."""
    if num_tokens == 0:
        raise EvaluationError("a perplexity needs at least one token, but there is none; count the end of line (`eos`)")
    try:
        return math.exp(-log_prob / num_tokens)
    except OverflowError:
        return math.inf


def shown_tokens(tokenizer: Tokenizer, score: LineScore) -> list[str]:
    """Return the tokens of a scored line as text, `<eos>` for its end; out-of-vocabulary tokens keep their spelling.

    Spaces around a token are removed; a token of only white space is shown as `␣`.
    """
    pieces = map(shown_pre_token, surface(tokenizer, score.text))
    return [*pieces, END][: score.num_tokens]


_MAX_BITS, _MAX_OPACITY = 16.0, 0.75


@dataclass(frozen=True, eq=False, repr=False)
class ShownLine(LineScore):
    """A scored line that a notebook shows with the surprisal of each token.

    Attributes:
        tokens: The tokens as text, `<eos>` for the end of the line.

    Example:
        >>> import nextword
        >>> nextword.load("austen").score("She was happy.").tokens
        ('She', 'was', 'happy', '.', '<eos>')
    """

    tokens: tuple[str, ...] = ()

    @classmethod
    def of(cls, score: LineScore, tokenizer: Tokenizer) -> Self:
        """Return a scored line with the text of its tokens."""
        values = {each.name: getattr(score, each.name) for each in fields(LineScore)}
        return cls(**values, tokens=tuple(shown_tokens(tokenizer, score)))

    def _repr_html_(self) -> str:
        shown = zip(self.tokens, self.bits.tolist(), self.ranks.tolist(), strict=True)
        tokens = " ".join(_token(text, bits, rank) for text, bits, rank in shown)
        note = "Color: surprisal in bits, the number below each token."
        return html_stack(
            Markup(f'<div style="line-height:1.2;margin:.5em 0">{tokens}</div>'),
            Markup(super()._repr_html_()),
            Markup(f'<span style="opacity:.7">{note}</span>'),
        )


def _token(text: str, bits: float, rank: int) -> str:
    """Return a token on a background that is darker the less the model expected it."""
    opacity = _MAX_OPACITY * min(bits, _MAX_BITS) / _MAX_BITS
    number = f"{bits:.1f}" if math.isfinite(bits) else "∞"
    place = f"rank {rank:,}" if rank else "not in the vocabulary"
    return (
        f'<span title="{place}" style="display:inline-block;text-align:center;padding:.1em .3em;'
        f'border-radius:3px;background:{translucent("any-orange", opacity)}">{escape(text)}'
        f'<br><span style="font-size:70%;opacity:.8">{number}</span></span>'
    )


@dataclass
class ScoreSummary:
    """Totals over lines, updated line by line."""

    num_lines: int = 0
    num_tokens: int = 0
    num_out_of_vocabulary: int = 0
    log_prob: float = 0.0
    known_log_prob: float = 0.0

    def add(self, line: LineScore) -> None:
        """Count a line."""
        self.num_lines += 1
        self.num_tokens += line.num_tokens
        self.num_out_of_vocabulary += line.num_out_of_vocabulary
        self.log_prob += line.log_prob
        self.known_log_prob += float(line.log_probs[~line.out_of_vocabulary].sum(dtype=float))

    def counted(self, lines: Iterable[LineScore]) -> Iterator[LineScore]:
        """Yield lines, and count each before it is yielded."""
        for line in lines:
            self.add(line)
            yield line

    @property
    def perplexity(self) -> float:
        """Perplexity over all tokens."""
        return perplexity(self.log_prob, self.num_tokens)

    @property
    def known_perplexity(self) -> float:
        """Perplexity over the tokens in the vocabulary; the others are read but not counted."""
        return perplexity(self.known_log_prob, self.num_tokens - self.num_out_of_vocabulary)

    def to_table(self) -> dict[str, Any]:
        """Return the values for JSON; infinite or undefined values are `None`."""
        num_known = self.num_tokens - self.num_out_of_vocabulary
        return {
            "num_lines": self.num_lines,
            "num_tokens": self.num_tokens,
            "num_out_of_vocabulary": self.num_out_of_vocabulary,
            "log_prob": finite(self.log_prob),
            "log10_prob": finite(self.log_prob / LN_10),
            "perplexity": finite(self.perplexity) if self.num_tokens else None,
            "perplexity_without_out_of_vocabulary": finite(self.known_perplexity) if num_known else None,
        }

    def describe(self) -> list[str]:
        """Return the totals as aligned lines of text."""
        num_known = self.num_tokens - self.num_out_of_vocabulary
        part = self.num_out_of_vocabulary / max(1, self.num_tokens)
        figures = {
            "lines": f"{self.num_lines:,}",
            "tokens": f"{self.num_tokens:,}",
            "out of vocabulary": f"{self.num_out_of_vocabulary:,} ({part:.2%})",
            "log-probability": f"{self.log_prob:,.3f}",
            "perplexity": f"{self.perplexity:,.2f}" if self.num_tokens else "undefined (no tokens)",
            "perplexity without OOV": f"{self.known_perplexity:,.2f}" if num_known else "undefined (no tokens)",
        }
        return table_lines(figures.items())
