"""Lines that are independent texts, encoded in windows of bounded size, and where each token of a text is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import NextwordError, TextError, printable
from nextword.settings import require_several, require_text
from nextword.text.options import TokenizerKind
from nextword.text.reading.lines import lone_surrogate
from nextword.text.tokens.pre_tokens import segments, slices, tidy
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN

_MAX_CHARACTERS = 2**20  # most characters of a window, its last line not counted


class EncodedLine(NamedTuple):
    """A line and its ids."""

    number: int  # its number among all lines, from 1
    text: str
    ids: NDArray[np.int32]  # its tokens and the `<eos>` at its end `(N,)`, int32
    out_of_vocabulary: NDArray[np.bool_]  # `(N,)`; an `<unk>` written in the text does not count
    spelling_log_probs: NDArray[np.float64]  # of each unknown token, given that it is unknown; else 0 `(N,)`


def encoded_windows(tokenizer: Tokenizer, lines: Iterable[str], *, max_lines: int) -> Iterator[list[EncodedLine]]:
    r"""Yield all lines in their order, at most `max_lines` at a time, and read no more than are yielded next.

    Each line is encoded by itself and ended by `<eos>`; a model of paragraphs takes it for a paragraph. A line end `\n`
    or `\r\n` at the end of a line is removed, so `lines` may be an open file. A window also ends when it has a million
    characters. Lines before one that is refused have been yielded.
    """
    require_several("lines", lines)
    number = 1
    for window in _windows(_checked(tokenizer, lines), max_lines):
        yield _encoded(tokenizer, window, number)
        number += len(window)


def surface(tokenizer: Tokenizer, line: str) -> list[str]:
    """Return the pre-tokens of a line as they are written, one for each token except `<eos>`."""
    return [pre_token for pre_token, _ in _cut(tokenizer, line)]


def written_tokens(tokenizer: Tokenizer, lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the tokens of a text as written and as ids, `<eos>` after each line or paragraph."""
    for segment in segments(lines, tokenizer.line_ends):
        yield from _cut(tokenizer, segment)
        yield END, tokenizer.vocabulary.end_id


def shown_pre_token(pre_token: str) -> str:
    """Return a pre-token for display: without spaces around it, and without control characters."""
    return printable(pre_token.strip(" ") or "␣")


def spelling_log_prob(tokenizer: Tokenizer, line: str) -> float:
    """Return the natural log-probability of the spellings of a line's unknown words, given that they are unknown."""
    return sum(tokenizer.spelling_log_probs(_cut(tokenizer, line)))


def _cut(tokenizer: Tokenizer, line: str) -> list[tuple[str, int]]:
    return [token for part in slices(tidy(line, tokenizer.kind), tokenizer.kind) for token in tokenizer.cut(part)]


def _windows(lines: Iterator[str], max_lines: int) -> Iterator[list[str]]:
    """Yield lines in windows. An error is raised after the lines before it have been yielded."""
    failure: NextwordError | None = None
    while failure is None:
        window: list[str] = []
        num_characters = 0
        try:
            for line in lines:
                window.append(line)
                num_characters += len(line) + 1
                if len(window) >= max_lines or num_characters >= _MAX_CHARACTERS:
                    break
        except NextwordError as error:
            failure = error
        if window:
            yield window
        elif failure is None:
            return
    raise failure


def _checked(tokenizer: Tokenizer, lines: Iterable[str]) -> Iterator[str]:
    for number, given in enumerate(lines, start=1):
        require_text("line", given)
        line = given.removesuffix("\n").removesuffix("\r")
        if "\n" in line or "\r" in line:
            raise TextError(f"a line must hold no line end, but line {number} does; pass each line by itself")
        if (place := lone_surrogate(line)) is not None:
            raise TextError(
                f"a line must be valid Unicode, but line {number} holds half of a surrogate pair at character {place}; "
                "pass UTF-8"
            )
        if tokenizer.kind == "pretokenized" and END in line and END in surface(tokenizer, line):
            raise TextError(f"`{END}` is reserved for line ends, but is in line {number}; remove it from the text")
        yield line


def _encoded(tokenizer: Tokenizer, window: list[str], number: int) -> list[EncodedLine]:
    ids = np.concatenate(list(tokenizer.encode_segments(window)))
    stops = np.flatnonzero(ids == tokenizer.vocabulary.end_id) + 1
    unknown = ids == tokenizer.vocabulary.unknown_id
    encoded: list[EncodedLine] = []
    first = 0
    for line, stop in zip(window, stops.tolist(), strict=True):
        missing, spelling = unknown[first:stop], np.zeros(stop - first)
        if missing.any():
            tokens = _cut(tokenizer, line)
            if tokenizer.kind == "pretokenized":
                missing = missing & np.array([pre_token != UNKNOWN for pre_token, _ in (*tokens, (END, 0))])
            spelling[:-1] = tokenizer.spelling_log_probs(tokens)
        encoded.append(EncodedLine(number + len(encoded), line, ids[first:stop], missing, spelling))
        first = stop
    return encoded


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
