"""Lines of files and of standard input, one after another, read once and as they come."""

import gzip
import io
import sys
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nextword.errors import TextError
from nextword.text.line_ends import split_lines
from nextword.text.options import OnBadBytes
from nextword.text.reader import GZIP, unreadable

STANDARD_INPUT = "-"
"""The name that stands for standard input."""

_BLOCK = 2**16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class LinePlace(NamedTuple):
    """Where a line stands.

    Attributes:
        source: The file as it was named, `-` for standard input.
        line: Its number there, from 1.
    """

    source: str
    line: int


class InputLines:
    r"""The lines of several sources without their ends, to be iterated once.

    Lines end at `\n`, `\r\n` and lone `\r`. A source whose first two bytes are those of gzip is unpacked, standard
    input too. Held are one block of a source and its longest line; a line that arrives is given at once.

    Args:
        sources: Names of files, `-` for standard input; none of them stands for standard input alone.
        on_bad_bytes: With "strict", bytes that are not UTF-8 and NULs are refused; with "replace", each invalid
            sequence and each NUL becomes one U+FFFD.

    Raises:
        TextError: There is no such file. Or, while iterating: a source cannot be read, is damaged, or holds something
            refused; the lines before it have been given.
    """

    def __init__(self, sources: Sequence[str] = (), *, on_bad_bytes: OnBadBytes = "strict") -> None:
        self._sources = list(sources) or [STANDARD_INPUT]
        for source in self._sources:
            _require_file(source)
        self._replaces = on_bad_bytes == "replace"
        self._begun: list[str] = []
        self._before: list[int] = []  # lines before each source that was begun
        self._num_lines = 0

    def __iter__(self) -> Iterator[str]:
        for source in self._sources:
            self._begun.append(source)
            self._before.append(self._num_lines)
            for lines in self._lines_of(source):
                # What a line's place is may be asked for as soon as it is given.
                for line in lines:
                    self._num_lines += 1
                    yield line

    def place_of(self, number: int) -> LinePlace:
        """Return where the line stands that was given as the `number`-th, from 1."""
        index = bisect_right(self._before, number - 1) - 1
        return LinePlace(self._begun[index], number - self._before[index])

    def _lines_of(self, source: str) -> Iterator[list[str]]:
        chunks = _chunks_of(source)
        num_bytes = num_lines = 0
        for chunk in chunks:
            text, refusal = self._decoded(source, chunk, num_bytes, num_lines)
            lines = split_lines(text)
            if not lines[-1]:
                lines.pop()
            num_bytes += len(chunk)
            num_lines += len(lines)
            yield lines
            if refusal:
                raise refusal

    def _decoded(self, source: str, chunk: bytes, num_bytes: int, num_lines: int) -> tuple[str, TextError | None]:
        """Return the text of a chunk, or of the lines before the one that is refused, and why it is."""
        mark = len(_BYTE_ORDER_MARK) if num_bytes == 0 and chunk.startswith(_BYTE_ORDER_MARK) else 0
        if self._replaces:
            return chunk[mark:].decode("utf-8", "replace").replace("\0", _REPLACEMENT), None
        at, fault = chunk.find(b"\0"), "is a NUL"
        try:
            text = chunk[mark:].decode("utf-8")
            if at < 0:
                return text, None
        except UnicodeDecodeError as error:
            if not 0 <= at < mark + error.start:
                at, fault = mark + error.start, f"is not UTF-8 ({error.reason})"
        line_start = max(chunk.rfind(end, 0, at) for end in (b"\n", b"\r")) + 1
        before = chunk[mark : max(mark, line_start)].decode("utf-8")
        return before, _refused(source, chunk, at, num_bytes, num_lines, fault)


def _refused(source: str, chunk: bytes, at: int, num_bytes: int, num_lines: int, fault: str) -> TextError:
    before = chunk[:at]
    line = num_lines + 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
    return TextError(
        f"{_shown(source)}, line {line}, byte {num_bytes + at}: text must be UTF-8 without NUL, but the byte "
        f"0x{chunk[at]:02x} {fault}; convert the text, or pass `--on-bad-bytes replace` to read U+FFFD for it"
    )


def _shown(source: str) -> str:
    return "standard input" if source == STANDARD_INPUT else f"`{source}`"


def _require_file(source: str) -> None:
    """Say that a file is missing before hours are spent on those named before it."""
    if source != STANDARD_INPUT:
        try:
            Path(source).stat()
        except OSError as error:
            raise unreadable(Path(source), error) from error


def _chunks_of(source: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a source in pieces that end at line ends."""
    try:
        if source == STANDARD_INPUT:
            yield from _chunks(sys.stdin.buffer)
        else:
            with Path(source).open("rb") as file:
                yield from _chunks(file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TextError(
            f"{_shown(source)} must be a whole gzip file, but is damaged ({error}); pack or copy it again"
        ) from error
    except OSError as error:
        raise unreadable(Path(source), error) from error


def _chunks(packed: BinaryIO) -> Iterator[bytes]:
    file = packed if isinstance(packed, io.BufferedReader) else io.BufferedReader(packed)  # type: ignore[type-var]
    unpacked = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP else file
    held: list[bytes] = []
    while block := unpacked.read1(_BLOCK):
        # A carriage return at the block's end may be the first half of a line end: it waits for the next block.
        cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
        if cut:
            yield b"".join([*held, block[:cut]])
            held = []
        held.append(block[cut:])
    if rest := b"".join(held):
        yield rest
