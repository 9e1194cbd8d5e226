"""A range of a file read as lines, in memory that does not grow with the file (but with its longest line)."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from nextword.errors import TextError
from nextword.text.options import OnBadBytes
from nextword.text.report import ReadCounts

_BLOCK = 2**20
GZIP = b"\x1f\x8b"
"""How a file begins that gzip packed."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_REPLACING = 'replace such bytes by `--on-bad-bytes replace` (`on_bad_bytes = "replace"`)'
_WORD = re.compile(r"\S+")
_WRITTEN_END = re.compile(rb"<eos>(?<![^\t\n\x0b\x0c\r ]<eos>)(?![^\t\n\x0b\x0c\r ])")
_WRITTEN_UNKNOWN = re.compile(rb"<unk>(?<![^\t\n\x0b\x0c\r ]<unk>)(?![^\t\n\x0b\x0c\r ])")


def unreadable(path: Path, error: OSError) -> TextError:
    """Return the error for a file that the system does not let us read."""
    return TextError(f"`{path}` must be a file that can be read, but: {error.strerror or error}")


def is_packed(path: Path) -> bool:
    """Return whether a file begins as gzip's do.

    Raises:
        TextError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(GZIP)) == GZIP
    except OSError as error:
        raise unreadable(path, error) from error


@dataclass(frozen=True)
class TextRange:
    """The bytes of a file from `start` up to, but not including, `stop`."""

    path: Path
    start: int
    stop: int

    @classmethod
    def whole(cls, path: Path) -> "TextRange":
        """Return the range of a whole file.

        Raises:
            TextError: The file cannot be read.
        """
        try:
            return cls(path, 0, path.stat().st_size)
        except OSError as error:
            raise unreadable(path, error) from error

    @property
    def num_bytes(self) -> int:
        """Length of the range."""
        return self.stop - self.start

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in blocks of about a megabyte; fewer where the file has become shorter.

        Raises:
            TextError: The file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                remaining = self.num_bytes
                while block := file.read(min(_BLOCK, remaining)):
                    yield block
                    remaining -= len(block)
        except OSError as error:
            raise unreadable(self.path, error) from error


class LineReader:
    r"""The lines of a range of a file without their ends, to be iterated once.

    Lines end at `\n`, `\r\n` and lone `\r`, and nowhere else. The file is UTF-8; a byte order mark at its start is
    left out. Everything irregular is counted in `counts`, or refused with file, line and byte.

    Args:
        part: What to read.
        on_bad_bytes: With "strict", bytes that are not UTF-8 and NULs are refused; with "replace", each invalid
            sequence and each NUL becomes one U+FFFD.
        pretokenized: Whether `<eos>` between spaces would be taken for the special token, and so is refused.

    Attributes:
        counts: What has been read so far.

    Raises:
        TextError: (while iterating) The file cannot be read, has changed since `part.sha256` was taken, or holds
            something refused.
    """

    def __init__(self, part: TextRange, *, on_bad_bytes: OnBadBytes = "strict", pretokenized: bool = False) -> None:
        self.counts = ReadCounts()
        self._part = part
        self._replaces = on_bad_bytes == "replace"
        self._pretokenized = pretokenized

    def __iter__(self) -> Iterator[str]:
        expected, digest = self._part.sha256, hashlib.sha256()
        for offset, chunk in self._chunks():
            digest.update(chunk)
            yield from self._lines(self._decoded(offset, chunk))
        if digest.hexdigest() != expected:
            raise TextError(f"`{self._part.path}` must stay as it is while it is read, but has changed; try again")

    def _chunks(self) -> Iterator[tuple[int, bytes]]:
        """Yield the bytes, and their offset in the file, in pieces that end at line ends."""
        offset = self._part.start
        held: list[bytes] = []
        for block in self._part.blocks():
            # A carriage return at the block's end may be the first half of a line end: it waits for the next block.
            cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
            if cut:
                chunk = b"".join([*held, block[:cut]])
                yield offset, chunk
                offset += len(chunk)
                held = []
            held.append(block[cut:])
        if rest := b"".join(held):
            yield offset, rest

    def _decoded(self, offset: int, chunk: bytes) -> str:
        self.counts.num_bytes += len(chunk)
        if offset == 0 and chunk.startswith(_BYTE_ORDER_MARK):
            self.counts.has_byte_order_mark = True
            offset, chunk = len(_BYTE_ORDER_MARK), chunk[len(_BYTE_ORDER_MARK) :]
        if self._pretokenized:
            self._check_symbols(offset, chunk)
        text = self._decoded_utf8(offset, chunk)
        return self._without_nul(offset, chunk, text) if b"\0" in chunk else text

    def _check_symbols(self, offset: int, chunk: bytes) -> None:
        if found := _WRITTEN_END.search(chunk):
            self._refuse(offset + found.start(), "`<eos>` is reserved for line ends; take it out of the text")
        self.counts.num_written_unknown += len(_WRITTEN_UNKNOWN.findall(chunk))

    def _decoded_utf8(self, offset: int, chunk: bytes) -> str:
        try:
            return chunk.decode("utf-8")
        except UnicodeDecodeError as error:
            first = offset + error.start
            if not self._replaces:
                self._refuse(
                    first,
                    f"text must be UTF-8, but holds the byte 0x{chunk[error.start]:02x} ({error.reason}); convert the "
                    f"file or {_REPLACING}",
                )
        text = chunk.decode("utf-8", "replace")
        self.counts.num_invalid += text.count(_REPLACEMENT) - chunk.count(_REPLACEMENT.encode("utf-8"))
        self.counts.first_invalid = first if self.counts.first_invalid is None else self.counts.first_invalid
        return text

    def _without_nul(self, offset: int, chunk: bytes, text: str) -> str:
        first = offset + chunk.index(b"\0")
        if not self._replaces:
            self._refuse(first, f"text must hold no NUL; take it out or {_REPLACING}")
        self.counts.num_nul += text.count("\0")
        self.counts.first_nul = first if self.counts.first_nul is None else self.counts.first_nul
        return text.replace("\0", _REPLACEMENT)

    def _lines(self, text: str) -> list[str]:
        counts = self.counts
        num_crlf = text.count("\r\n")
        counts.num_crlf += num_crlf
        counts.num_lone_cr += text.count("\r") - num_crlf
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if lines[-1]:
            counts.lacks_last_line_end = True
        else:
            lines.pop()
        counts.num_lines += len(lines)
        counts.num_words += sum(1 for _ in _WORD.finditer(text)) + len(lines)
        counts.num_characters += sum(map(len, lines)) + len(lines)
        counts.longest_line = max([counts.longest_line, *map(len, lines)])
        return lines

    def _refuse(self, offset: int, rule: str) -> NoReturn:
        line = 1 + _num_line_ends(TextRange(self._part.path, 0, offset))
        raise TextError(f"`{self._part.path}`, line {line}, byte {offset}: {rule}")


def _num_line_ends(part: TextRange) -> int:
    num = 0
    last = b""
    for block in part.blocks():
        num += block.count(b"\n") + block.count(b"\r") - (last + block).count(b"\r\n")
        last = block[-1:]
    return num
