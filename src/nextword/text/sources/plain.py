"""Texts that are not plain files, written once as plain files into the cache.

The rest of the text pipeline reads ranges of plain files. Everything else becomes one here: packed files, JSON Lines,
folders of text files, and what a Python program holds in memory. A plain file is kept under a name that depends on all
that it was made of, and the same text is written only once. Memory holds one block or one document at a time.
"""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, cast

from nextword.disk.cache import cache_error, cache_key, cached_folder, scratch_folder
from nextword.errors import TextError
from nextword.text.options import TextOptions
from nextword.text.reading.packing import BLOCK, bare_name, unreadable
from nextword.text.reading.progress import reported
from nextword.text.reading.reader import TextRange
from nextword.text.sources.documents import documents_of_rows, plain_text
from nextword.text.sources.files import TextFile
from nextword.text.sources.joining import PREFIX, write_joined
from nextword.text.sources.split import SPLIT_NAMES

FORMAT = 1
"""Raise this number whenever the same source gives another plain text."""

GATHERED = re.compile("text-[0-9a-f]{64}")
"""The name of a folder in the cache that holds a plain text."""

WHOLE = "text.txt"
"""The file of a text that has no splits."""

TEXT_SUFFIXES = (".txt", ".md")
"""Endings of the files that a folder without splits is read from, packed or not."""

_MOST_NAMED = 3
_MOST_KINDS = 5


class JoinedFiles(NamedTuple):
    """Several files read as one text.

    Attributes:
        part: The text.
        description: In words, which files it was made of.
    """

    part: TextRange
    description: str


def plain_range(path: Path, options: TextOptions, cache: Path, *, shown: str = "") -> TextRange:
    """Return the plain text of a file: the file itself, or what was made of it in the cache.

    Args:
        path: The file.
        options: Which field to read, and what to do with bad bytes.
        cache: The cache folder.
        shown: How messages name the file (default: its path).

    Raises:
        TextError: The file cannot be read, is damaged, changes while it is read, or a record of it is refused.
        StorageError: The cache cannot be written.
    """
    file = TextFile(path, options, shown)
    if file.is_plain:
        return TextRange.whole(path)
    return _cached(file.blocks(), file.made_by, cache, shown=file.shown)


def joined_files(folder: Path, options: TextOptions, cache: Path) -> JoinedFiles | None:
    """Return all text files below a folder as one text, in the order of their names; `None` if there are none.

    A blank line is put between two files. Hidden files and folders are skipped.

    Raises:
        TextError: A file cannot be read, changes while it is read, or holds a refused byte.
        StorageError: The cache cannot be written.
    """
    paths = text_files(folder)
    if not paths:
        return None
    files = [TextFile(path, options) for path in paths]
    part = join_files(files, options, cache, shown=f"{folder} ({described_number(files)} as one text)")
    return JoinedFiles(part, described_files(files, folder))


def join_files(files: Sequence[TextFile], options: TextOptions, cache: Path, *, shown: str) -> TextRange:
    """Return files as one text, with a blank line between two.

    Raises:
        TextError: A file cannot be read, changes while it is read, or holds something refused.
        StorageError: The cache cannot be written.
    """
    made_by = [part for file in files for part in (file.made_by if file.has_records else file.made_by[-1:])]
    key = cache_key(FORMAT, "joined", options.on_bad_bytes, *made_by)

    def write(folder: Path) -> None:
        write_joined(files, cache / f"{PREFIX}{key}", folder / WHOLE)

    folder = cached_folder(cache / f"text-{key}", write)
    return TextRange(folder / WHOLE, 0, (folder / WHOLE).stat().st_size, shown)


def described_number(files: Sequence[TextFile]) -> str:
    """Return how many files there are, in words."""
    return f"{len(files)} files" if len(files) > 1 else "one file"


def described_files(files: Sequence[TextFile], folder: Path) -> str:
    """Return in words which files of a folder make up a text."""
    named = ", ".join(_relative(file, folder) for file in files[:_MOST_NAMED])
    more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
    return f"{described_number(files)} of `{folder.name}` in the order of their names ({named}{more})"


def _relative(file: TextFile, folder: Path) -> str:
    return str(file.path.relative_to(folder)) if file.path.is_relative_to(folder) else file.shown


def gathered(text: Any, options: TextOptions, cache: Path) -> Path:
    """Write what a program holds in memory to the cache, and return the folder of it.

    The folder holds train.txt, valid.txt and test.txt, as many as there are, or `WHOLE` for a text without splits.

    Args:
        text: An iterable of strings, or of mappings with the key `options.field`; or a mapping from the names of
            splits to such iterables, such as a `datasets.DatasetDict`.
        options: Which field to read, and what to do with bad characters.
        cache: The cache folder.

    Raises:
        TextError: The text is none of these, or a row is refused.
        StorageError: The cache cannot be written.
    """
    files = files_of(text)
    with ExitStack() as stack:
        try:
            written = stack.enter_context(scratch_folder(cache, "gathering"))
        except OSError as error:
            raise cache_error(cache, error) from error
        sums = []
        for file, (shown, rows) in files.items():
            documents = documents_of_rows(rows, options.field, shown)
            sums += [file, _write(plain_text(documents, options.on_bad_bytes), written / file)]

        def take(empty: Path) -> None:
            for file in files:
                (written / file).rename(empty / file)

        return cached_folder(cache / f"text-{cache_key(FORMAT, 'rows', *sums)}", take)


def _cached(blocks: Iterator[bytes], key: Iterable[str | None], cache: Path, *, shown: str) -> TextRange:
    folder = cache / f"text-{cache_key(FORMAT, *key)}"
    cached_folder(folder, lambda empty: cast("None", _write(blocks, empty / WHOLE)))
    return TextRange(folder / WHOLE, 0, (folder / WHOLE).stat().st_size, shown)


class _CacheFile(io.RawIOBase):
    """A file in the cache. An error in writing it is not mistaken for one of the text that is written."""

    def __init__(self, file: io.FileIO, cache: Path) -> None:
        self._file = file
        self._cache = cache

    def writable(self) -> bool:
        """Return that bytes can be written."""
        return True

    def write(self, data: Any, /) -> int:
        """Write bytes."""
        try:
            return self._file.write(data)
        except OSError as error:
            raise cache_error(self._cache, error) from error


def _write(blocks: Iterable[bytes], path: Path) -> str:
    """Write a file in a folder of the cache, and return the SHA-256 of its bytes in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as raw, io.BufferedWriter(_CacheFile(raw, path.parent.parent), BLOCK) as file:
        for block in reported(blocks, "gathering the text", None):
            file.write(block)
            digest.update(block)
    return digest.hexdigest()


def text_files(folder: Path) -> list[Path]:
    """Return the text files below a folder in the order of their names, without hidden ones.

    Raises:
        TextError: The folder cannot be read.
    """
    return [path for path in _visible_files(folder) if _kind(path) in TEXT_SUFFIXES]


def files_left(folder: Path) -> str:
    """Return in one sentence which files below a folder are no text files; empty if all are.

    Raises:
        TextError: The folder cannot be read.
    """
    kinds = Counter(_kind(path) for path in _visible_files(folder))
    taken = sum(kinds.pop(kind, 0) for kind in TEXT_SUFFIXES)
    if not kinds:
        return ""
    common = sorted(kinds.items(), key=lambda each: (-each[1], not each[0], each[0]))
    left = ", ".join(f"{number:,} {kind or 'without an ending'}" for kind, number in common[:_MOST_KINDS])
    more = ", ..." if len(kinds) > _MOST_KINDS else ""
    return f"`{folder.name}`: {taken:,} of {taken + kinds.total():,} files are .txt or .md; left out: {left}{more}"


def _visible_files(folder: Path) -> list[Path]:
    try:
        relative = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        raise unreadable(folder, error) from error
    return [folder / path for path in relative if not any(part.startswith(".") for part in path.parts)]


def _kind(path: Path) -> str:
    """Return the ending of a file's name, in small letters and without that of its packing."""
    return Path(bare_name(path.name)).suffix.lower()


def files_of(text: Any) -> dict[str, tuple[str, Iterable[Any]]]:
    """Return the name of each file to be written, what errors call its rows, and its rows."""
    text = _with_keys(text)
    keys = list(text.keys()) if hasattr(text, "keys") and hasattr(text, "__getitem__") else []
    found = {split: next((key for key in names if key in keys), None) for split, names in SPLIT_NAMES.items()}
    splits = {split: key for split, key in found.items() if key is not None}
    if not splits and not isinstance(text, Mapping):  # a column of a table has keys too: the numbers of its rows
        return {WHOLE: ("the text", _rows(text, "the text"))}
    if not splits:
        raise TextError(
            f"a mapping must hold the splits `train`, `valid` (or `validation`) and `test`, or one of them, but holds "
            f"{', '.join(map(repr, keys)) or 'nothing'}; pass a list of strings for a text without splits"
        )
    return {f"{split}.txt": (f"`{key}`", _rows(text[key], f"`{key}`")) for split, key in splits.items()}


def _with_keys(text: Any) -> Any:
    """Return an object that has splits as attributes as a mapping, and any other text as it is."""
    if hasattr(text, "keys") or not hasattr(text, "train"):
        return text
    return {name: getattr(text, name) for names in SPLIT_NAMES.values() for name in names if hasattr(text, name)}


def _rows(rows: Any, shown: str) -> Iterable[Any]:
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        what = "one string" if isinstance(rows, str) else f"of type {type(rows).__name__}"
        raise TextError(
            f"{shown} must be several strings, or several mappings with a string in them, but is {what}; pass a list"
        )
    return rows
