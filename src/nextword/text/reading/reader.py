"""A range of a file read as lines; memory grows only with the longest line."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nextword.errors import TextError
from nextword.system.progress import reported
from nextword.text.options import OnBadBytes
from nextword.text.reading.lines import Chunk, read_lines
from nextword.text.reading.packing import unreadable
from nextword.text.reading.report import ReadCounts

_BLOCK = 2**20

_WRITTEN_END = re.compile(rb"<eos>(?<![^\t\n\x0b\x0c\r ]<eos>)(?![^\t\n\x0b\x0c\r ])")
_WRITTEN_UNKNOWN = re.compile(rb"<unk>(?<![^\t\n\x0b\x0c\r ]<unk>)(?![^\t\n\x0b\x0c\r ])")


_OTHER_SPACES = "".join(c for c in map(chr, range(128, 0x3001)) if c.isspace())
_IS_SPACE = np.array([chr(byte).isspace() and byte < 128 for byte in range(256)])


@dataclass(frozen=True)
class TextRange:
    """The bytes of a plain file from `start` up to, but not including, `stop`."""

    path: Path
    start: int  # offset of the first byte
    stop: int  # offset after the last byte
    shown: str = ""  # how to name the file in messages if it was made of another, such as a packed one; empty if not

    @classmethod
    def whole(cls, path: Path) -> "TextRange":
        """Return a whole file as a range."""
        try:
            return cls(path, 0, path.stat().st_size)
        except OSError as error:
            raise unreadable(path, error) from error

    @property
    def name(self) -> str:
        """The path that the user knows."""
        return self.shown or str(self.path)

    def part(self, start: int, stop: int) -> "TextRange":
        """Return another range of the same file."""
        return TextRange(self.path, start, stop, self.shown)

    @property
    def num_bytes(self) -> int:
        """Length of the range in bytes."""
        return self.stop - self.start

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return self._summed[0]

    @property
    def has_changed(self) -> bool:
        """Whether the size or the time of the file differs from that before `sha256` was computed."""
        return self._stamp() != self._summed[1]

    @cached_property
    def _summed(self) -> tuple[str, tuple[int, int]]:
        stamp, digest = self._stamp(), hashlib.sha256()
        for block in reported(self.blocks(), "checking the text", self.num_bytes):
            digest.update(block)
        return digest.hexdigest(), stamp

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            raise unreadable(self.path, error) from error
        return found.st_size, found.st_mtime_ns

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in blocks of at most a megabyte; fewer bytes if the file has become shorter."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                remaining = self.num_bytes
                while block := file.read(min(_BLOCK, remaining)):
                    yield block
                    remaining -= len(block)
        except OSError as error:
            raise unreadable(self.path, error) from error


def _count_words(chunk: Chunk) -> int:
    """Return the number of runs of characters between white space, as `str.split` finds them."""
    if any(space in chunk.text for space in _OTHER_SPACES):
        return len(chunk.text.split())
    is_space = _IS_SPACE[np.frombuffer(chunk.data, np.uint8)]
    return int(np.count_nonzero(is_space[:-1] & ~is_space[1:])) + bool(is_space.size and not is_space[0])


def changed_error(part: TextRange) -> TextError:
    """Return the error for a text that is not what it was when its digest was computed."""
    return TextError(f"`{part.name}` must not change while it is read, but has changed; try again")


class LineReader:
    r"""The lines of a range of a file without their line ends; can be iterated once.

    `nextword.text.reading.lines` says how they are read. Everything irregular is counted in `counts`, or refused with
    file, line and byte.

    Args:
        part: What to read.
        on_bad_bytes: With "strict", bytes that are not UTF-8 and NULs are refused; with "replace", each invalid
            sequence and each NUL becomes one U+FFFD.
        pretokenized: Whether to refuse `<eos>` between spaces, which would be taken for the special token.

    Attributes:
        counts: Counts of what has been read so far.

    Raises:
        TextError: (while iterating) The file cannot be read, has changed since `part.sha256` was computed, or holds
            something refused.
    """

    def __init__(
        self,
        part: TextRange,
        *,
        on_bad_bytes: OnBadBytes = "strict",
        pretokenized: bool = False,
    ) -> None:
        self.counts = ReadCounts()
        self._part = part
        self._on_bad_bytes: OnBadBytes = on_bad_bytes
        self._pretokenized = pretokenized

    @property
    def num_bytes(self) -> int:
        """Bytes that it reads in all."""
        return self._part.num_bytes

    def __iter__(self) -> Iterator[str]:
        for chunk in self.chunks():
            yield from chunk.lines

    def chunks(self) -> Iterator[Chunk]:
        """Yield the lines in chunks; raises what iteration raises."""
        for chunk in read_lines(
            self._counted_blocks(),
            lambda _line, byte: self._place_of(byte),
            start=self._part.start,
            on_bad_bytes=self._on_bad_bytes,
            counts=self.counts,
        ):
            if self._pretokenized:
                self._check_symbols(chunk)
            self._count(chunk)
            yield chunk

    def _counted_blocks(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        expected = self._part.sha256
        for block in self._part.blocks():
            digest.update(block)
            self.counts.num_bytes += len(block)
            yield block
        if digest.hexdigest() != expected:
            raise changed_error(self._part)

    def _check_symbols(self, chunk: Chunk) -> None:
        if b"<eos>" in chunk.data and (found := _WRITTEN_END.search(chunk.data)):
            place = self._place_of(chunk.offset + found.start())
            raise TextError(f"{place}: `<eos>` is reserved for line ends; remove it from the text")
        if b"<unk>" in chunk.data:
            self.counts.num_written_unknown += len(_WRITTEN_UNKNOWN.findall(chunk.data))

    def _count(self, chunk: Chunk) -> None:
        counts, text, lines = self.counts, chunk.text, chunk.lines
        num_crlf = text.count("\r\n") if "\r" in text else 0
        counts.num_crlf += num_crlf
        counts.num_lone_cr += text.count("\r") - num_crlf if "\r" in text else 0
        counts.lacks_last_line_end |= bool(text) and text[-1] not in "\r\n"
        counts.num_lines += len(lines)
        counts.num_words += _count_words(chunk) + len(lines)
        counts.num_characters += sum(map(len, lines)) + len(lines)
        counts.longest_line = max([counts.longest_line, *map(len, lines)])

    def _place_of(self, byte: int) -> str:
        num = 0
        last = b""
        for block in TextRange(self._part.path, 0, byte).blocks():
            num += block.count(b"\n") + block.count(b"\r") - (last + block).count(b"\r\n")
            last = block[-1:]
        return f"`{self._part.name}`, line {1 + num}, byte {byte}"
