"""`MANIFEST.json`, the seal of a directory: the name, the size and the SHA-256 digest of each of its files.

The directory may come from an untrusted source. Only regular files of a limited length are opened.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

from nextword.errors import StorageError
from nextword.system import strict_json
from nextword.system.files import HeldDirectory

MANIFEST_NAME = "MANIFEST.json"
MAX_FILES = 100
MAX_BYTES = 2**16

_FORMAT = 1
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Seal:
    """What a manifest says about one file: its size in bytes and its SHA-256 digest in hexadecimal."""

    size: int
    sha256: str


Manifest = Mapping[str, Seal]


def seal_of(data: bytes) -> Seal:
    """Return the seal of a file with this content."""
    return Seal(len(data), hashlib.sha256(data).hexdigest())


def seal_of_stream(stream: BufferedIOBase) -> Seal:
    """Return the seal of an open file. It is read from its current position, in small pieces."""
    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Seal(stream.tell(), sha256)


def check_names(names: Mapping[str, object]) -> None:
    """Check the names of the files of a sealed directory.

    Raises:
        ValueError: A name is not plain, or there are too many. The message is a clause such as "must hold at most 100
            files, ...".
    """
    if len(names) > MAX_FILES:
        raise ValueError(f"must hold at most {MAX_FILES} files, but would hold {len(names)}")
    for name in names:
        if not _FILE_NAME.fullmatch(name) or name == MANIFEST_NAME:
            raise ValueError(f"must hold files with plain names, but {name[:100]!a} is not one")


def encode(manifest: Manifest) -> bytes:
    """Return the content of `MANIFEST.json`."""
    table = {"format": _FORMAT, "files": {name: asdict(seal) for name, seal in manifest.items()}}
    return (json.dumps(table, indent=2) + "\n").encode("utf-8")


def decode(data: bytes) -> Manifest:
    """Return the manifest in `data`, the content of an untrusted `MANIFEST.json`.

    Raises:
        ValueError: It is not a manifest. The message is a clause such as "must hold `format` and `files`".
    """
    table = strict_json.parse(data, max_bytes=MAX_BYTES)
    if not isinstance(table, dict) or table.keys() != {"format", "files"} or not isinstance(table["files"], dict):
        raise ValueError("must hold `format` and `files`, and nothing else")
    if type(table["format"]) is not int or table["format"] != _FORMAT:
        raise ValueError(f"must be of format {_FORMAT}, but is of {table['format']!a:.40}")
    check_names(table["files"])
    manifest = {name: _decode_seal(name, seal) for name, seal in table["files"].items()}
    if encode(manifest) != data:
        raise ValueError("must be, byte for byte, what nextword writes, but is not")
    return manifest


@contextmanager
def opened_regular_file(path: Path, directory: HeldDirectory, name: str, max_bytes: int) -> Iterator[BufferedReader]:
    """Open a regular file of at most `max_bytes` in a directory held open, which messages call `path`.

    Raises:
        StorageError: The file is missing, is not regular, is too large, or cannot be read.
    """
    try:
        if not directory.is_regular_file(name):
            raise damaged(path, f"`{name}` must be a regular file, but is a link or something else")
        with os.fdopen(directory.open_file(name), "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > max_bytes:
                raise damaged(path, f"`{name}` must be at most {max_bytes} bytes long, but is {size}")
            yield stream
    except FileNotFoundError as error:
        raise damaged(path, f"`{name}` is missing") from error
    except OSError as error:
        raise StorageError(f"`{path}/{name}` must be readable, but is not ({error.strerror})") from error


def damaged(path: Path, what: str) -> StorageError:
    """Return the error for a directory that is not as it was written."""
    return StorageError(f"`{path}` is damaged: {what}; write it again or restore it from a copy")


def _decode_seal(name: str, seal: Any) -> Seal:
    if isinstance(seal, dict) and seal.keys() == {"size", "sha256"}:
        size, sha256 = seal["size"], seal["sha256"]
        if type(size) is int and size >= 0 and isinstance(sha256, str) and _SHA256.fullmatch(sha256):
            return Seal(size, sha256)
    raise ValueError(f"must give `{name}` a `size` and a `sha256`, and nothing else")
