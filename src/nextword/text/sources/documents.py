r"""Documents of files with records and of Python iterables, and documents as lines of plain text.

A document without a line end inside becomes one line. A document of several lines keeps them, with a blank line before
and after it, which ends a paragraph. One line end at a document's end is not part of it.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nextword.errors import MissingExtraError, TextError
from nextword.text.options import OnBadBytes
from nextword.text.reading.lines import lone_surrogate, split_lines
from nextword.text.reading.packing import unreadable

_LONGEST_FIELD = 2**31 - 1
_BATCH_ROWS = 1024


class Document(NamedTuple):
    """A document, and where it is, for errors."""

    location: str
    text: str


def documents_of_rows(rows: Iterable[Any], field: str, shown: str) -> Iterator[Document]:
    """Yield the documents of an iterable."""
    for number, row in enumerate(rows, start=1):
        location = f"{shown}, row {number}"
        yield Document(location, row if isinstance(row, str) else _field(row, field, location))


def documents_of_json_lines(lines: Iterable[str], field: str, shown: str) -> Iterator[Document]:
    """Yield the documents of JSON Lines; blank lines are skipped."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            location = f"`{shown}`, line {number}"
            yield Document(location, _field(_parsed(line, location), field, location))


def documents_of_table(lines: Iterable[str], delimiter: str, field: str, shown: str) -> Iterator[Document]:
    """Yield the documents of a CSV or TSV file. Its first line names the columns; quotes mean nothing between tabs."""
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))  # else a long document is refused
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    rows = csv.DictReader((f"{line}\n" for line in lines), delimiter=delimiter, quoting=quoting, strict=True)
    try:
        for row in rows:
            location = f"`{shown}`, line {rows.line_num}"
            row.pop(None, None)  # cells without a column
            yield Document(location, _field(row, field, location))
    except csv.Error as error:
        raise TextError(
            f"`{shown}`, line {rows.reader.line_num}: each row must be CSV, but this is not ({error})"
        ) from error


def documents_of_parquet(path: Path, field: str, shown: str) -> Iterator[Document]:
    """Yield the documents of a Parquet file. Memory holds some thousand rows of the one column."""
    if find_spec("pyarrow") is None:
        raise MissingExtraError.of("reading Parquet needs pyarrow", None, "data")
    from pyarrow import ArrowException, parquet  # slow to import, and rarely needed

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if field not in names:
                _field(dict.fromkeys(names), field, f"`{shown}`")
            batches = file.iter_batches(_BATCH_ROWS, columns=[field])
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                location = f"`{shown}`, row {number}"
                yield Document(location, _field(row, field, location))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ArrowException, UnicodeDecodeError) as error:
        raise TextError(f"`{shown}` must be a whole Parquet file, but is damaged ({error}); copy it again") from error


def plain_text(documents: Iterable[Document], on_bad_bytes: OnBadBytes) -> Iterator[bytes]:
    r"""Yield the lines of documents as UTF-8."""
    spacing = DocumentSpacing()
    for location, text in documents:
        if on_bad_bytes == "strict":
            require_text(location, text)
        yield encoded(spacing.lines_of(text))


class DocumentSpacing:
    """Puts documents one after another: a blank line is before and after each of several lines."""

    def __init__(self, *, always_blank: bool = False) -> None:
        self._always_blank = always_blank
        self._is_after_blank = True

    def lines_of(self, document: str) -> str:
        """Return the lines of the next document, with their ends."""
        lines = document_lines(document)
        if len(lines) > 1 or self._always_blank:
            lines = [*lines, ""] if self._is_after_blank else ["", *lines, ""]
        self._is_after_blank = not lines[-1]
        return "\n".join([*lines, ""])


def document_lines(document: str) -> list[str]:
    """Return the lines of a document; one line end at its end is not part of it."""
    lines = split_lines(document)
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _parsed(line: str, location: str) -> Any:
    try:
        return json.loads(line, strict=False)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise TextError(f"{location}: each line must be one JSON object, but this is not JSON ({reason})") from error


def _field(row: Any, field: str, location: str) -> str:
    if not isinstance(row, Mapping):
        raise TextError(f"{location}: must be an object with the field `{field}`, but is {_kind(row)}")
    if field not in row:
        known = ", ".join(map(str, row)) or "none"
        raise TextError(
            f"{location}: the field `{field}` is missing; name the field that holds the text by `--field` "
            f"(`field=`); this record has: {known}"
        )
    text = row[field]
    if not isinstance(text, str):
        raise TextError(f"{location}: the field `{field}` must be a string, but is {_kind(text)}")
    return text


def _kind(value: Any) -> str:
    return "null" if value is None else f"of type {type(value).__name__}"


def require_text(location: str, text: str) -> None:
    """Refuse what cannot be written as UTF-8, and NULs."""
    if (index := lone_surrogate(text)) is not None:
        raise TextError(
            f"{location}: text must be valid Unicode, but holds half of a surrogate pair at character {index}"
        )
    if (index := text.find("\0")) >= 0:
        raise TextError(
            f"{location}: text must hold no NUL, but character {index} is one; remove it, or replace such characters "
            "by U+FFFD with `--on-bad-bytes replace`"
        )


def encoded(text: str) -> bytes:
    """Return a text as UTF-8, with bad bytes as they were read."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
