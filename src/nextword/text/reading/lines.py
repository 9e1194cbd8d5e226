r"""Bytes to lines of text, for a corpus and for the input lines of a command.

Text is UTF-8; a byte order mark at its start is dropped. Lines end at `\n`, `\r\n` and lone `\r`, and nowhere else.
"""

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nextword.errors import TextError
from nextword.text.options import OnBadBytes
from nextword.text.reading.packing import unpacked_blocks, unpacked_stream, unreadable
from nextword.text.reading.report import ReadCounts

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Chunk(NamedTuple):
    """Whole lines of a stream."""

    offset: int  # offset of its first byte in the file
    data: bytes  # its bytes, without a byte order mark
    text: str  # the same as text
    lines: list[str]  # its lines without their ends


def split_lines(text: str) -> list[str]:
    r"""Split a text at `\n`, `\r\n` and lone `\r` alone. The last line is what follows the last line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_lines(
    blocks: Iterable[bytes],
    source: str | Callable[[int, int], str],
    *,
    start: int = 0,
    on_bad_bytes: OnBadBytes = "strict",
    counts: ReadCounts | None = None,
) -> Iterator[Chunk]:
    """Yield a stream in chunks of whole lines.

    Args:
        blocks: The bytes, in blocks of any size.
        source: How errors name the stream; or what says where something is, by the line of the stream, from 1, and the
            byte of the file.
        start: Offset of the first block in the file.
        on_bad_bytes: With "strict", bytes that are not UTF-8 and NULs are refused; with "replace", each invalid
            sequence and each NUL becomes one U+FFFD.
        counts: Counts replaced bytes and the byte order mark.

    Raises:
        TextError: A byte is refused; the lines before it have been yielded.
    """
    counts = counts or ReadCounts()
    offset, number = start, 1
    for block in _whole_lines(blocks):
        has_mark = offset == 0 and block.startswith(_BYTE_ORDER_MARK)
        counts.has_byte_order_mark |= has_mark
        offset += len(_BYTE_ORDER_MARK) if has_mark else 0
        data = block.removeprefix(_BYTE_ORDER_MARK) if has_mark else block
        text, bad = _decoded(data)
        if bad and on_bad_bytes == "replace":
            text, bad = _replaced(offset, data, counts), None
        lines = split_lines(text)
        if not lines[-1]:
            lines.pop()
        yield Chunk(offset, data, text, lines)
        number += len(lines)
        if bad:
            at, fault = bad
            byte = offset + at
            location = f"{source}, line {number}, byte {byte}" if isinstance(source, str) else source(number, byte)
            raise TextError(
                f"{location}: text must be UTF-8 without NUL, but the byte 0x{data[at]:02x} "
                f"{fault}; convert the text, or replace such bytes by U+FFFD with `--on-bad-bytes replace` "
                '(`on_bad_bytes = "replace"`)'
            )
        offset += len(data)


def lines_of(blocks: Iterable[bytes], source: str, on_bad_bytes: OnBadBytes) -> Iterator[str]:
    """Yield the lines of a stream without their ends. With "replace", bad bytes are kept as surrogates.

    They are replaced and counted when the plain text is read.
    """
    for chunk in read_lines(blocks, source, on_bad_bytes=on_bad_bytes):
        text = chunk.data.decode("utf-8", "surrogateescape") if on_bad_bytes == "replace" else chunk.text
        yield from split_lines(text)[: len(chunk.lines)]


def lone_surrogate(text: str) -> int | None:
    """Return the place of the first half of a surrogate pair, which UTF-8 cannot encode; `None` if there is none."""
    if text.isascii():  # costs nothing: strings store it
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def require_unicode(text: str) -> None:
    """Raise `TextError` if a text cannot be written as UTF-8."""
    if (place := lone_surrogate(text)) is not None:
        raise TextError(
            f"text must be valid Unicode, but holds half of a surrogate pair at character {place}; pass UTF-8"
        )


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    for block in blocks:
        # A carriage return at the end of a block may be half of a line end, so it is kept for the next block.
        cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
        if cut:
            yield b"".join([*held, block[:cut]])
            held = []
        held.append(block[cut:])
    if rest := b"".join(held):
        yield rest


def _decoded(data: bytes) -> tuple[str, tuple[int, str] | None]:
    """Return bytes as text, and `None`; or the whole lines before the first byte that is not text, and its fault."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return text, None
    bad = _first_bad_byte(data)
    stop = max(data.rfind(end, 0, bad[0]) for end in (b"\n", b"\r")) + 1 if bad else len(data)
    return data[:stop].decode("utf-8"), bad


def _first_bad_byte(data: bytes) -> tuple[int, str] | None:
    nul = data.find(b"\0")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not 0 <= nul < error.start:
            return error.start, f"is not UTF-8 ({error.reason})"
    return None if nul < 0 else (nul, "is a NUL")


def _replaced(offset: int, data: bytes, counts: ReadCounts) -> str:
    """Return bytes as text, with U+FFFD for those that are not text, and count these."""
    text = data.decode("utf-8", "replace")
    invalid, num_nul = _first_bad_byte(data.replace(b"\0", b" ")), text.count("\0")
    if invalid and counts.first_invalid is None:
        counts.first_invalid = offset + invalid[0]
    if num_nul and counts.first_nul is None:
        counts.first_nul = offset + data.index(b"\0")
    counts.num_invalid += text.count(_REPLACEMENT) - data.count(_REPLACEMENT.encode("utf-8"))
    counts.num_nul += num_nul
    return text.replace("\0", _REPLACEMENT)


STANDARD_INPUT = "-"
"""The name of standard input."""

_BLOCK = 2**16


class LinePlace(NamedTuple):
    """Where a line is."""

    source: str  # the file as the user named it; `-` for standard input
    line: int  # its number in the file, from 1


class InputLines:
    """The lines of several sources without their line ends, `-` or nothing for standard input; can be iterated once.

    A packed source is unpacked, standard input too. Memory holds one block of a source and its longest line. A line is
    yielded as soon as it arrives.
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
    try:
        if source == STANDARD_INPUT:
            if sys.stdin is None:
                raise TextError("standard input must be open, but is closed; name a file")
            yield from unpacked_stream(sys.stdin.buffer, _shown(source), block=_BLOCK)
        else:
            yield from unpacked_blocks(Path(source), block=_BLOCK)
    except OSError as error:
        raise unreadable(Path(source), error) from error
