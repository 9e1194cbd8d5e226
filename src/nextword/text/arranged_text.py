"""Texts whose documents are dropped, moved or split, written once into the cache."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from nextword.errors import TextError
from nextword.storage.cache import cache_error, cache_key, cached_folder
from nextword.storage.scratch import scratch_folder
from nextword.text.arrangement import ArrangementCounts, settings_of, write_arranged
from nextword.text.documents import Document, documents_of_rows
from nextword.text.files import TextFile
from nextword.text.gathering import FORMAT, WHOLE, files_of
from nextword.text.options import TextOptions
from nextword.text.reader import TextRange

_COUNTS = "counts.json"


class ArrangedText(NamedTuple):
    """A text whose documents were dropped, moved or split.

    Attributes:
        folder: The folder with train.txt, valid.txt and test.txt, or with `WHOLE`.
        description: In words, what became of the documents.
    """

    folder: Path
    description: str


def arranged_files(files: Sequence[TextFile], options: TextOptions, cache: Path) -> ArrangedText:
    """Return the documents of some files as the options arrange them.

    Raises:
        TextError: A file cannot be read, changes while it is read, or holds something refused.
        StorageError: The cache cannot be written.
    """
    unit = options.document
    if unit == "auto":
        unit = "file" if len(files) > 1 else "paragraph"
    has_records = all(file.has_records for file in files)
    made_by = [part for file in files for part in file.made_by]
    key = cache_key(FORMAT, "arranged", *settings_of(options), "" if has_records else unit, *made_by)

    def write(folder: Path) -> None:
        documents = chain.from_iterable(file.parts(unit) for file in files)
        _arrange(documents, options, folder, always_blank=not has_records)

    folder = cached_folder(cache / f"text-{key}", write)
    return ArrangedText(folder, _arranged_description(folder, options))


def _arrange(documents: Iterable[Document], options: TextOptions, folder: Path, *, always_blank: bool) -> None:
    counts = write_arranged(documents, options, folder, always_blank=always_blank)
    (folder / _COUNTS).write_text(json.dumps(asdict(counts)), encoding="utf-8")


def _arranged_description(folder: Path, options: TextOptions) -> str:
    counts = ArrangementCounts(**json.loads((folder / _COUNTS).read_text(encoding="utf-8")))
    return "; ".join(counts.describe(options))


def arranged_rows(rows: Any, options: TextOptions, cache: Path) -> ArrangedText:
    """Return the rows of a Python program as the options arrange them; the arguments are those of `gathered`.

    Raises:
        TextError: The text is none, has splits of its own, or a row is refused.
        StorageError: The cache cannot be written.
    """
    files = files_of(rows)
    if WHOLE not in files:
        raise TextError(no_splits("a mapping of splits"))
    try:
        with scratch_folder(cache, "gathering") as scratch:
            written = scratch / "arranged"
            written.mkdir()
            shown, given = files[WHOLE]
            _arrange(documents_of_rows(given, options.field, shown), options, written, always_blank=False)
            sums = [part for path in sorted(written.iterdir()) for part in (path.name, TextRange.whole(path).sha256)]

            def take(empty: Path) -> None:
                for path in written.iterdir():
                    path.rename(empty / path.name)

            folder = cached_folder(cache / f"text-{cache_key(FORMAT, 'arranged rows', *sums)}", take)
    except OSError as error:
        raise cache_error(cache, error) from error
    return ArrangedText(folder, _arranged_description(folder, options))


def no_splits(what: str) -> str:
    """Return the message for a text that has splits and is to be arranged."""
    return (
        f"`split_by`, `deduplicate` and `text_order` need a text without splits, but {what} has its own; leave these "
        "settings out, or give one text"
    )
