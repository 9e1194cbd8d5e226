"""Several files written as one plain text, which resumes with the file at which it was interrupted."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from nextword.disk.cache import cache_error
from nextword.disk.single_file import write_file
from nextword.errors import TextError
from nextword.text.reading.progress import Task
from nextword.text.sources.files import TextFile

PREFIX = ".joining-"
"""How the names of folders for unfinished texts begin."""

_TEXT, _STATE = "text", "state.json"
_SAVED_BYTES = 2**26
"""Bytes after which what is done is noted, at the end of a file. A note waits for the disk."""


def write_joined(files: Sequence[TextFile], partial: Path, target: Path) -> None:
    """Write files one after another, with a blank line between two.

    Args:
        files: The files.
        partial: A folder for what is unfinished; what an interrupted call left there is used.
        target: The file to write.

    Raises:
        TextError: A file cannot be read, has changed, or holds something refused.
        StorageError: The cache cannot be written.
    """
    try:
        partial.mkdir(exist_ok=True)
        _write(files, partial)
        (partial / _TEXT).rename(target)
    except TextError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(partial, ignore_errors=True)


def _write(files: Sequence[TextFile], partial: Path) -> None:
    done, size, between = _state(partial)
    task = Task("gathering the text", None)
    with (partial / _TEXT).open("r+b" if done else "wb") as file:
        file.truncate(size)
        file.seek(size)
        for number, each in enumerate(files[done:], start=done + 1):
            last = b""
            file.write(between)
            for block in each.checked_blocks():
                try:
                    file.write(block)
                except OSError as error:  # of the cache; those of the file are another kind of error already
                    raise cache_error(partial.parent, error) from error
                last = block[-1:] or last
                task.advance(len(block))
            between = b"\n" if last in (b"\n", b"\r") else b"\n\n" if last else b""
            if file.tell() - size >= _SAVED_BYTES:
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
                table = {"files": number, "bytes": size, "between": between.decode("ascii")}
                write_file(partial / _STATE, json.dumps(table).encode("ascii"))


def _state(partial: Path) -> tuple[int, int, bytes]:
    """Return how many files are done, the bytes that they take, and what is to be put before the next."""
    try:
        table = json.loads((partial / _STATE).read_bytes())
        done = table["files"], table["bytes"], table["between"].encode("ascii")
        return done if (partial / _TEXT).stat().st_size >= done[1] else (0, 0, b"")
    except (OSError, ValueError, KeyError):
        return 0, 0, b""
