r"""Where each token of a text is, in characters of the text as it was given.

Encoding drops white space: runs become one space, and lines of a paragraph are joined. The places are those of the
characters that a token shows, without the spaces beside it. A token of white space alone has the place of that space.
`<eos>` is an empty place at the end of its line or paragraph.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import slices
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END

_LINE_END = re.compile(r"\r\n|\r|\n")
_WORDS: dict[TokenizerKind, re.Pattern[str]] = {
    "pretokenized": re.compile(r"[^\t\x0b\x0c ]+"),
    "word": re.compile(r"\S+"),
    "subword": re.compile(r"\S+"),
}
"""What no white space divides: `tidy` puts one space between two of these, and leaves characters alone."""


class TokenSpan(NamedTuple):
    """A token of a text."""

    text: str  # the token as it is written; `<eos>` for the end of a line or paragraph
    token_id: int
    start: int  # place of its first character in the text
    end: int  # place after its last character


class Segment(NamedTuple):
    """A line or a paragraph of a text, which `<eos>` ends."""

    text: str  # its characters; the lines of a paragraph are joined by spaces
    places: NDArray[np.intp]  # place of each character in the whole text `(N,)`
    end: int  # place after its last character


def text_segments(tokenizer: Tokenizer, text: str) -> list[Segment]:
    """Return the lines or paragraphs of a text with their places; nothing for what follows the last line end."""
    lines = list(_lines(text))
    if lines[-1][0] == lines[-1][1]:
        lines.pop()
    if tokenizer.line_ends == "line":
        return [_segment(text, [line]) for line in lines]
    runs = groupby(lines, key=lambda line: bool(text[slice(*line)].strip()))
    return [_segment(text, list(run)) for has_words, run in runs if has_words]


def line_segment(line: str) -> Segment:
    """Return a line by itself as a segment; a line end at its end is no part of it."""
    bare = line.removesuffix("\n").removesuffix("\r")
    return Segment(bare, np.arange(len(bare)), len(bare))


def segment_spans(tokenizer: Tokenizer, segment: Segment) -> list[TokenSpan]:
    """Return the tokens of a line or a paragraph, `<eos>` at its end included."""
    tidied, starts, ends = _tidied(segment, tokenizer.kind)
    spans: list[TokenSpan] = []
    place = 0
    for part in slices(tidied, tokenizer.kind):
        for pre_token, token_id in tokenizer.cut(part):
            if not tidied.startswith(pre_token, place):
                place += 1  # the space between two words is in no pre-token
            shown = pre_token.strip(" ") or pre_token
            first = place + pre_token.index(shown)
            spans.append(TokenSpan(pre_token, token_id, int(starts[first]), int(ends[first + len(shown) - 1])))
            place += len(pre_token)
    return [*spans, TokenSpan(END, tokenizer.vocabulary.end_id, segment.end, segment.end)]


def token_spans(tokenizer: Tokenizer, text: str) -> list[TokenSpan]:
    """Return the tokens of a text; the ids are as `Tokenizer.encode` gives them."""
    ids = tokenizer.encode(text)
    segments = text_segments(tokenizer, text)
    spans = [span for segment in segments for span in segment_spans(tokenizer, segment)]
    return spans[: len(ids)]  # the last line or paragraph may continue, and has no `<eos>` then


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in _LINE_END.finditer(text):
        yield start, found.start()
        start = found.end()
    yield start, len(text)


def _segment(text: str, lines: Sequence[tuple[int, int]]) -> Segment:
    places: list[NDArray[np.intp]] = []
    for start, stop in lines:
        places += [np.arange(start, stop), np.array([stop])]
    joined = " ".join(text[start:stop] for start, stop in lines)
    return Segment(joined, np.concatenate(places[:-1]), lines[-1][1])


def _tidied(segment: Segment, kind: TokenizerKind) -> tuple[str, NDArray[np.intp], NDArray[np.intp]]:
    """Return a segment as its tokenizer reads it, with the place of each character and the place after it."""
    if kind == "character":
        return segment.text, segment.places, segment.places + 1
    words = [found.span() for found in _WORDS[kind].finditer(segment.text)]
    if not words:
        nothing = np.zeros(0, np.intp)
        return "", nothing, nothing
    kept: list[NDArray[np.intp]] = []
    for start, stop in words:
        kept += [np.arange(start, stop), np.array([stop])]
    places = segment.places[np.concatenate(kept[:-1])]
    return " ".join(segment.text[start:stop] for start, stop in words), places, places + 1
