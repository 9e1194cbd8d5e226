r"""Text cut into numbered units, some ten times as fast as the library cuts it, with the same result.

A unit is what a shard of a text is encoded by before the vocabulary is known. Each becomes one token, or the same
tokens, wherever it occurs:

```
pretokenized, word, character   a pre-token, as `nextword.text.tokens.pre_tokens` says
subword                         a run of characters without a space, with the space before it
all                             a line end, which becomes `<eos>`
```
"""

import re
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nextword.text.encoding.word_units import WordNumbers
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.pre_tokens import slices

LINE_END = "\n"
"""The unit that becomes `<eos>`; its number is 0."""

_SLICE = 2**17  # characters that are cut at once, approximately
_RUNS = [" " * length for length in (16, 5, 3, 2)]  # finding two spaces is slow, so each loop leaves few of them
_PARAGRAPH_END = "\0"  # no text holds one
_ASCII_SPACES = "\t\x0b\x0c"
_SPACES = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and c not in " \r\n")


class UnitNumbers(Protocol):
    """Cuts tidy lines into units, and numbers these from 1 in any order; a line end is 0."""

    def of(self, text: str) -> NDArray[np.int32]:
        """Return the numbers of the units of tidy lines, each with its line end `(T,)`."""

    def units(self) -> list[str]:
        """Return the unit of each number from 1."""


def unit_numbers(kind: TokenizerKind) -> UnitNumbers:
    """Return what numbers the units of a tokenizer."""
    match kind:
        case "word":
            return WordNumbers()
        case "pretokenized":
            return _ListedUnits(_tokens)
        case "subword":
            return _ListedUnits(re.compile(r" ?[^ \n]++|\n").findall)
        case "character":
            return _ListedUnits(list)


class TidySegments:
    r"""Makes a text tidy that comes in chunks of whole lines: each line or paragraph becomes one line."""

    def __init__(self, kind: TokenizerKind, line_ends: LineEnds) -> None:
        self._kind: TokenizerKind = kind
        self._line_ends = line_ends
        self._held: list[str] = []  # lines of a paragraph that has not ended

    def of(self, text: str) -> Iterator[str]:
        """Yield the segments of whole lines in parts of bounded size; an incomplete paragraph is kept."""
        tidied = tidied_lines(text, self._kind)
        ended = tidied if self._line_ends == "line" else self._paragraphs(tidied)
        yield from filter(None, slices(ended, self._kind, _SLICE))

    def rest(self) -> Iterator[str]:
        """Yield the last paragraph."""
        rest, self._held = "".join(self._held), []
        yield from filter(None, slices(_joined(rest), self._kind, _SLICE))

    def _paragraphs(self, text: str) -> str:
        """Return the paragraphs that have ended, one a line, and keep the rest."""
        place = text.rfind("\n\n")
        if place < 0 and not (self._held and text.startswith("\n")):
            self._held.append(text)
            return ""
        stop = place + 2 if place >= 0 else 1
        ended, self._held = "".join([*self._held, text[:stop]]), [text[stop:]]
        return _joined(ended)


class _ListedUnits:
    """Units that a function of Python lists, each numbered when it is met first."""

    def __init__(self, units_of: Callable[[str], list[str]]) -> None:
        self._units_of = units_of
        self._numbers = _Numbers({LINE_END: 0})

    def of(self, text: str) -> NDArray[np.int32]:
        units = self._units_of(text)
        return np.fromiter(map(self._numbers.__getitem__, units), np.int32, len(units))

    def units(self) -> list[str]:
        return list(self._numbers)[1:]


class _Numbers(dict[str, int]):
    """The number of each unit; a new one gets the next."""

    def __missing__(self, unit: str) -> int:
        number = self[unit] = len(self)
        return number


def tidied_lines(text: str, kind: TokenizerKind) -> str:
    r"""Return lines as `tidy` returns each, and each with a `\n` at its end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    if kind == "character":
        return text
    for space in _ASCII_SPACES if kind == "pretokenized" else _SPACES:
        if space in text:  # finding one costs much less than replacing all
            text = text.replace(space, " ")
    for run in _RUNS:
        while run in text:
            text = text.replace(run, " ")
    return text.replace(" \n", "\n").replace("\n ", "\n").removeprefix(" ")


def _joined(text: str) -> str:
    """Return tidy lines with each paragraph as one line, and without blank lines."""
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    text = text.strip("\n")
    if not text:
        return ""
    return text.replace("\n\n", _PARAGRAPH_END).replace("\n", " ").replace(_PARAGRAPH_END, "\n") + "\n"


def _tokens(text: str) -> list[str]:
    spaced = text.replace("\n", " \n ").replace("  ", " ").strip(" ")
    return spaced.split(" ") if spaced else []
