"""Scores the sentences of prose, each in the context of its paragraph."""

import math
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from html import escape
from itertools import accumulate, chain, islice
from typing import NamedTuple, Self

import numpy as np

from nextword.display.table import Markup, html_stack
from nextword.display.tokens import translucent
from nextword.engine.text_model import TextModel
from nextword.inference.scoring.lines import LineScore, ScoringOptions, score_lines, shown_tokens
from nextword.text.tokens.encoded_lines import shown_pre_token, surface
from nextword.text.tokens.line_ends import LineRuns
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


_LINES_TO_JUDGE = 10_000

_SENTENCE_END = re.compile(r"""(?<=[.!?\u2026])["'\u201d\u2019)\]]*\s+(?=["'\u201c\u2018(\[]*[^\W\d_a-zß-öø-ÿ])""")
_TITLE = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Ms|Messrs|Dr|Prof|Rev|Hon|Capt|Col|Gen|Lt|St|vs|etc|e\.g|i\.e)\.$")
"""What ends with a full stop in the middle of a sentence: titles, initials and abbreviations."""


class _Paragraph(NamedTuple):
    """A paragraph on one line, with the number of its first line and the offset at which each of its lines begins."""

    text: str
    number: int
    offsets: list[int]


def read_lines_of_prose(tokenizer: Tokenizer, lines: Iterable[str]) -> tuple[Iterable[str], bool]:
    """Return the lines again, and whether they are prose in paragraphs and the model reads such a text.

    The first ten thousand lines decide.
    """
    if tokenizer.line_ends != "paragraph":
        return lines, False
    iterator = iter(lines)
    first = list(islice(iterator, _LINES_TO_JUDGE))
    return chain(first, iterator), LineRuns.of(first).are_wrapped


def score_prose(
    model: TextModel, lines: Iterable[str], options: ScoringOptions, *, ranks: bool = True
) -> Iterator[ShownLine]:
    """Yield the score of each sentence, in order; its number is that of the line in which it begins.

    The lines between blank lines are one paragraph, however they are wrapped. Its end, `<eos>`, does not count.
    """
    held: deque[_Paragraph] = deque()

    def texts() -> Iterator[str]:
        for paragraph in _paragraphs(lines):
            held.append(paragraph)
            yield paragraph.text

    for score in score_lines(model, texts(), options.replace(eos=False), ranks=ranks):
        paragraph = held.popleft()
        pieces = surface(model.tokenizer, paragraph.text)
        ends = _SENTENCE_END.finditer(paragraph.text)
        starts = [0, *(end.end() for end in ends if not _TITLE.search(paragraph.text, 0, end.start()))]
        sentence_of = np.array([bisect_right(starts, end - 1) - 1 for end in _ends(pieces, paragraph.text)])
        shown = ShownLine.of(score, model.tokenizer)
        for sentence, (start, stop) in enumerate(zip(starts, [*starts[1:], len(paragraph.text)], strict=True)):
            tokens = np.flatnonzero(sentence_of == sentence)
            if tokens.size:
                yield replace(
                    shown,
                    number=paragraph.number + bisect_right(paragraph.offsets, start) - 1,
                    text=paragraph.text[start:stop].strip(),
                    ids=score.ids[tokens],
                    log_probs=score.log_probs[tokens],
                    ranks=score.ranks[tokens],
                    out_of_vocabulary=score.out_of_vocabulary[tokens],
                    spelling_log_probs=score.spelling_log_probs[tokens],
                    tokens=tuple(shown_pre_token(pieces[token]) for token in tokens),
                )


def _paragraphs(lines: Iterable[str]) -> Iterator[_Paragraph]:
    held: list[str] = []
    number = 0
    for number, line in enumerate(lines, start=1):
        if words := " ".join(line.split()):
            held.append(words)
        elif held:
            yield _paragraph(held, number - len(held))
            held = []
    if held:
        yield _paragraph(held, number - len(held) + 1)


def _paragraph(lines: list[str], number: int) -> _Paragraph:
    return _Paragraph(" ".join(lines), number, [0, *accumulate(len(line) + 1 for line in lines[:-1])])


def _ends(pieces: Iterable[str], text: str) -> Iterator[int]:
    """Yield where the visible characters of each piece end; only spaces between words are in no piece."""
    place = 0
    for piece in pieces:
        place = text.index(piece, place)
        yield place + max(1, len(piece.rstrip()))
        place += len(piece)
