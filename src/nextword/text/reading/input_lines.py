"""Lines of files and of standard input, one after another, read once and as they arrive."""

import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nextword.text.options import OnBadBytes
from nextword.text.reading.lines import read_lines
from nextword.text.reading.packing import unpacked_blocks, unpacked_stream, unreadable

STANDARD_INPUT = "-"
"""The name of standard input."""

_BLOCK = 2**16


class LinePlace(NamedTuple):
    """Where a line is.

    Attributes:
        source: The file as the user named it; `-` for standard input.
        line: Its number in the file, from 1.
    """

    source: str
    line: int


class InputLines:
    r"""The lines of several sources without their line ends; can be iterated once.

    Lines end at `\n`, `\r\n` and lone `\r`. A packed source is unpacked, standard input
    too. Memory holds one block of a source and its longest line. A line is yielded as soon as it arrives.

    Args:
        sources: Names of files, `-` for standard input. If there are none, standard input is read.
        on_bad_bytes: With "strict", bytes that are not UTF-8 and NULs are refused; with "replace", each invalid
            sequence and each NUL becomes one U+FFFD.

    Raises:
        TextError: There is no such file. While iterating: a source cannot be read, is damaged, or holds a refused
            byte; the lines before it have been yielded.
    """

    def __init__(self, sources: Sequence[str] = (), *, on_bad_bytes: OnBadBytes = "strict") -> None:
        self._sources = list(sources) or [STANDARD_INPUT]
        for source in self._sources:
            _require_file(source)
        self._on_bad_bytes: OnBadBytes = on_bad_bytes
        self._begun: list[str] = []
        self._before: list[int] = []  # lines before each source that was begun
        self._num_lines = 0

    def __iter__(self) -> Iterator[str]:
        for source in self._sources:
            self._begun.append(source)
            self._before.append(self._num_lines)
            for chunk in read_lines(_blocks_of(source), _shown(source), on_bad_bytes=self._on_bad_bytes):
                for line in chunk.lines:  # one by one: a line that is yielded can be located
                    self._num_lines += 1
                    yield line

    def place_of(self, number: int) -> LinePlace:
        """Return the place of a yielded line by its number among all lines, from 1."""
        index = bisect_right(self._before, number - 1) - 1
        return LinePlace(self._begun[index], number - self._before[index])


def _shown(source: str) -> str:
    return "standard input" if source == STANDARD_INPUT else f"`{source}`"


def _require_file(source: str) -> None:
    """Raise if a file is missing, before hours are spent on the files before it."""
    if source != STANDARD_INPUT:
        try:
            Path(source).stat()
        except OSError as error:
            raise unreadable(Path(source), error) from error


def _blocks_of(source: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a source as they arrive."""
    try:
        if source == STANDARD_INPUT:
            yield from unpacked_stream(sys.stdin.buffer, _shown(source), block=_BLOCK)
        else:
            yield from unpacked_blocks(Path(source), block=_BLOCK)
    except OSError as error:
        raise unreadable(Path(source), error) from error
