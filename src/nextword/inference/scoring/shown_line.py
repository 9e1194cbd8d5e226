"""A scored line that a notebook shows with the surprisal of each token."""

import math
from dataclasses import dataclass, fields
from html import escape
from typing import Self

from nextword.display.table import Markup, html_stack
from nextword.display.tokens import translucent
from nextword.inference.scoring.lines import LineScore, shown_tokens
from nextword.text.tokens.tokenizer import Tokenizer

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
