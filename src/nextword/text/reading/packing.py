"""Files packed with gzip, zstd, bzip2 or xz, recognized by their first bytes and never by their name."""

import bz2
import gzip
import hashlib
import io
import lzma
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from nextword.errors import TextError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
}
"""The first bytes of a packed file."""

_LONGEST_MAGIC = 10

PACKED_SUFFIXES = (".gz", ".zst", ".zstd", ".bz2", ".xz")
"""The endings that packed files usually have."""

_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError, lzma.LZMAError)

BLOCK = 2**16


def unreadable(path: Path, error: OSError) -> TextError:
    """Return the error for a file that the system does not let us read."""
    return TextError(f"`{path}` must be a file that can be read, but: {error.strerror or error}")


def packing_of(path: Path) -> str | None:
    """Return `gzip`, `zstd`, `bzip2` or `xz` if a file begins as such files do, else `None`."""
    try:
        with path.open("rb") as file:
            return _packing(file.read(_LONGEST_MAGIC))
    except OSError as error:
        raise unreadable(path, error) from error


def bare_name(name: str) -> str:
    """Return a file name without the ending of a packed file."""
    suffix = Path(name).suffix.lower()
    return name[: -len(suffix)] if suffix in PACKED_SUFFIXES else name


def unpacked_blocks(path: Path, *, block: int = BLOCK, sha256: str = "", shown: str = "") -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked if it is packed.

    Args:
        path: The file.
        block: Most bytes to yield at once.
        sha256: The SHA-256 digest that the file must have, in hexadecimal; any if empty. It is checked after the last
            block.
        shown: How errors name the file (default: its path).

    Raises:
        TextError: The file cannot be read, is damaged, or has another digest.
    """
    shown = shown or str(path)
    try:
        with path.open("rb", buffering=0) as file:
            hashed = _Hashed(file) if sha256 else None
            yield from unpacked_stream(hashed or file, f"`{shown}`", block=block)
            if hashed and hashed.digest_of_all() != sha256:
                raise TextError(f"`{shown}` must not change while it is read, but has changed; try again")
    except OSError as error:
        raise unreadable(path, error) from error


class _Hashed(io.RawIOBase):
    """A file that hashes what is read from it."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        num_bytes = self._file.readinto(buffer)
        self._digest.update(memoryview(buffer)[:num_bytes])
        return num_bytes

    def digest_of_all(self) -> str:
        while self.read(BLOCK):
            pass
        return self._digest.hexdigest()


def unpacked_stream(stream: BinaryIO | io.RawIOBase, shown: str, *, block: int = BLOCK) -> Iterator[bytes]:
    """Yield the bytes of an open stream as they come, unpacked if they are packed."""
    file = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream, BLOCK)  # type: ignore[type-var]
    try:
        yield from _unpacked(file, shown, block)
    finally:
        if file is not stream and not file.closed:
            file.detach()  # else the stream is closed together with `file`


def _unpacked(file: "io.BufferedReader[Any]", shown: str, block: int) -> Iterator[bytes]:
    packing = _packing(file.peek(_LONGEST_MAGIC))
    unpacked: io.BufferedIOBase = file
    match packing:
        case "gzip":
            unpacked = gzip.GzipFile(fileobj=file)
        case "zstd":
            unpacked = zstd.ZstdFile(file)
        case "bzip2":
            unpacked = bz2.BZ2File(file)
        case "xz":
            unpacked = lzma.LZMAFile(file)  # noqa: SIM115
    try:
        while data := unpacked.read1(block):
            yield data
    except _DAMAGED as error:
        raise _damaged(shown, packing, error) from error
    except OSError as error:
        if packing == "bzip2" and error.errno is None:  # what its decompressor raises for damaged data
            raise _damaged(shown, packing, error) from error
        raise


def _damaged(shown: str, packing: str | None, error: Exception) -> TextError:
    return TextError(f"{shown} must be a whole {packing} file, but is damaged ({error}); pack or copy it again")


def _packing(head: bytes) -> str | None:
    return next((packing for packing, magic in _MAGIC.items() if magic.match(head)), None)
