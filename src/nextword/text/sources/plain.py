"""Texts that are not plain files, written once as plain files into the cache.

The rest of the text pipeline reads ranges of plain files. Everything else becomes one here: packed files, records,
folders of text files, and what a Python program holds in memory. A plain file is kept under a name that depends on all
that it was made of, and the same text is written only once. Memory holds one block or one document at a time.
"""

import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nextword.errors import TextError
from nextword.system.cache import cache_error, cache_key, cached_content, cached_folder
from nextword.system.files import write_file
from nextword.text.options import TextOptions
from nextword.text.reading.packing import BLOCK
from nextword.text.reading.progress import Task, reported
from nextword.text.reading.reader import TextRange
from nextword.text.sources.files import Source, TextFile
from nextword.text.sources.names import SplitOrAll

FORMAT = 3
"""Raise this number whenever the same source gives another plain text."""

WHOLE = "text.txt"
"""The file of a text that has no splits."""

_TASK = "gathering the text"
_JOINING = ".joining-"
_TEXT, _STATE = "text", "state.json"
_SAVED_BYTES = 2**26
"""Bytes after which the files that are done are noted, at the end of a file. A note waits for the disk."""


class PlainText(NamedTuple):
    """A text as ranges of plain files."""

    ranges: Mapping[SplitOrAll, TextRange]  # all of it, or its splits
    description: str = ""  # in words, what became of its documents; empty if nothing did


def plain_range(file: TextFile, cache: Path) -> TextRange:
    """Return the plain text of a file: the file itself, or what was made of it in the cache."""
    if file.is_plain:
        return file.whole
    folder = cache / f"text-{cache_key(FORMAT, *file.made_by)}"
    return whole_of(cached_folder(folder, lambda empty: _write(file.blocks(), empty / WHOLE)), file.shown)


def joined_range(files: Sequence[TextFile], options: TextOptions, cache: Path, *, shown: str) -> TextRange:
    """Return files as one text, with a blank line between two."""
    made_by = [part for file in files for part in (file.made_by if file.has_records else file.made_by[-1:])]
    key = cache_key(FORMAT, "joined", options.on_bad_bytes, *made_by)
    partial = cache / f"{_JOINING}{key}"
    return whole_of(cached_folder(cache / f"text-{key}", lambda empty: write_joined(files, partial, empty)), shown)


def whole_of(folder: Path, shown: str) -> TextRange:
    """Return the text without splits in a folder of the cache."""
    return TextRange(folder / WHOLE, 0, (folder / WHOLE).stat().st_size, shown)


def gathered_rows(sources: Mapping[SplitOrAll, Source], cache: Path) -> Path:
    """Write what a program holds in memory to the cache, and return the folder of it.

    The folder holds train.txt, valid.txt and test.txt, as many as there are, or `WHOLE` for a text without splits.
    """

    def write(empty: Path) -> None:
        for split, source in sources.items():
            _write(source.blocks(), empty / file_of(split))

    return cached_content(cache, "text", write, FORMAT, "rows")


def file_of(split: SplitOrAll) -> str:
    """Return the name of the file of a split, or of a whole text."""
    return WHOLE if split == "all" else f"{split}.txt"


class _CacheFile(io.RawIOBase):
    """A file in the cache. An error in writing it is not mistaken for one of the text that is written."""

    def __init__(self, file: io.FileIO, cache: Path) -> None:
        self._file = file
        self._cache = cache

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            raise cache_error(self._cache, error) from error


def _write(blocks: Iterable[bytes], path: Path) -> None:
    with path.open("wb", buffering=0) as raw, io.BufferedWriter(_CacheFile(raw, path.parent.parent), BLOCK) as file:
        for block in reported(blocks, _TASK, None):
            file.write(block)


def write_joined(files: Sequence[TextFile], partial: Path, target: Path) -> None:
    """Write files one after another, with a blank line between two. An interrupted call resumes with its last file."""
    try:
        partial.mkdir(exist_ok=True)
        _join(files, partial)
        (partial / _TEXT).rename(target / WHOLE)
    except TextError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(partial, ignore_errors=True)


def _join(files: Sequence[TextFile], partial: Path) -> None:
    done, size, between = _state(partial)
    task = Task(_TASK, None)
    with (partial / _TEXT).open("r+b" if done else "wb") as output:
        output.truncate(size)
        output.seek(size)
        for number, file in enumerate(files[done:], start=done + 1):
            last = b""
            output.write(between)
            for block in file.checked_blocks():
                output.write(block)
                last = block[-1:] or last
                task.advance(len(block))
            between = b"\n" if last == b"\n" else b"\n\n" if last else b""
            if output.tell() - size >= _SAVED_BYTES:
                output.flush()
                os.fsync(output.fileno())
                size = output.tell()
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
