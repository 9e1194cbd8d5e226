r"""Documents made lines of plain text: the records of a JSON Lines file, and the rows of a Python iterable.

A document without a line end inside becomes one line. A document of several lines keeps them, with a blank line before
and after it, which ends a paragraph. One line end at a document's end is not part of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nextword.errors import TextError
from nextword.text.options import OnBadBytes
from nextword.text.reading.lines import lone_surrogate, read_lines, split_lines
from nextword.text.reading.packing import bare_name, unpacked_blocks

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")


class Document(NamedTuple):
    """A document, and how errors name its place."""

    place: str
    text: str


def is_json_lines(path: Path) -> bool:
    """Return whether a file is JSON Lines by its name, packed or not."""
    return Path(bare_name(path.name)).suffix.lower() in JSON_LINES_SUFFIXES


def documents_of_rows(rows: Iterable[Any], field: str, shown: str) -> Iterator[Document]:
    """Yield the documents of an iterable.

    Args:
        rows: Strings, or mappings that hold a string under the key `field`.
        field: The key.
        shown: How errors name the iterable.

    Raises:
        TextError: A row is neither, or lacks the field; the message gives its number, from 1.
    """
    for number, row in enumerate(rows, start=1):
        place = f"{shown}, row {number}"
        yield Document(place, row if isinstance(row, str) else field_of(row, field, place))


def documents_of_json_lines(
    path: Path, field: str, on_bad_bytes: OnBadBytes, *, sha256: str = "", shown: str = ""
) -> Iterator[Document]:
    """Yield the documents of a JSON Lines file, packed or not; blank lines are skipped.

    Args:
        path: The file.
        field: Name of the field that holds a record's text.
        on_bad_bytes: With "strict", bytes that are not UTF-8 and NULs are refused.
        sha256: The SHA-256 sum that the file must have, in hexadecimal; any if empty.
        shown: How errors name the file (default: its path).

    Raises:
        TextError: The file cannot be read or has another sum, or a line holds a refused byte, is not JSON, or lacks
            the field. The message gives the number of the line.
    """
    shown = shown or str(path)
    blocks = unpacked_blocks(path, sha256=sha256, shown=shown)
    for number, line in enumerate(lines_of(blocks, shown, on_bad_bytes), start=1):
        if line.strip():
            place = f"`{shown}`, line {number}"
            yield Document(place, field_of(_parsed(line, place), field, place))


def lines_of(blocks: Iterable[bytes], shown: str, on_bad_bytes: OnBadBytes) -> Iterator[str]:
    """Yield the lines of a file without their ends. With "replace", bad bytes are kept as surrogates.

    They are replaced and counted when the plain text is read.

    Raises:
        TextError: With "strict", a byte is not UTF-8 or is a NUL; the message gives line and byte.
    """

    def place_of(line: int, byte: int) -> str:
        return f"`{shown}`, line {line}, byte {byte}"

    for chunk in read_lines(blocks, place_of, on_bad_bytes=on_bad_bytes):
        text = chunk.data.decode("utf-8", "surrogateescape") if on_bad_bytes == "replace" else chunk.text
        yield from split_lines(text)[: len(chunk.lines)]


def plain_text(documents: Iterable[Document], on_bad_bytes: OnBadBytes) -> Iterator[bytes]:
    r"""Yield the lines of documents as UTF-8.

    Args:
        documents: The documents.
        on_bad_bytes: With "strict", halves of surrogate pairs and NULs are refused. With "replace" they are written as
            they are, and replaced and counted when the plain text is read.

    Raises:
        TextError: A document holds something refused; the message gives its place.

    Example:
        >>> documents = [Document("row 1", "one"), Document("row 2", "two\nlines\n"), Document("row 3", "three")]
        >>> b"".join(plain_text(documents, "strict"))
        b'one\n\ntwo\nlines\n\nthree\n'
    """
    layout = Layout()
    for place, text in documents:
        if on_bad_bytes == "strict":
            require_text(place, text)
        yield encoded(layout.lines_of(text))


class Layout:
    """Puts documents one after another: a blank line is before and after each of several lines.

    Args:
        always_blank: Whether one is between any two.
    """

    def __init__(self, *, always_blank: bool = False) -> None:
        self._always_blank = always_blank
        self._is_after_blank = True

    def lines_of(self, document: str) -> str:
        """Return the lines of the next document, with their ends."""
        lines = split_lines(document)
        if len(lines) > 1 and not lines[-1]:
            lines.pop()
        if len(lines) > 1 or self._always_blank:
            lines = [*lines, ""] if self._is_after_blank else ["", *lines, ""]
        self._is_after_blank = not lines[-1]
        return "\n".join([*lines, ""])


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line, strict=False)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise TextError(f"{place}: each line must be one JSON object, but this is not JSON ({reason})") from error


def field_of(row: Any, field: str, place: str) -> str:
    """Return the text of a record.

    Raises:
        TextError: It is no mapping, lacks the field, or has something else than a string there.
    """
    if not isinstance(row, Mapping):
        raise TextError(f"{place}: must be an object with the field `{field}`, but is {_kind(row)}")
    if field not in row:
        known = ", ".join(map(str, row)) or "none"
        raise TextError(
            f"{place}: the field `{field}` is missing; name the field that holds the text by `--field` "
            f"(`field=`); this record has: {known}"
        )
    text = row[field]
    if not isinstance(text, str):
        raise TextError(f"{place}: the field `{field}` must be a string, but is {_kind(text)}")
    return text


def _kind(value: Any) -> str:
    return "null" if value is None else f"of type {type(value).__name__}"


def require_text(place: str, text: str) -> None:
    """Refuse what cannot be written as UTF-8, and NULs.

    Raises:
        TextError: The text holds one.
    """
    if (at := lone_surrogate(text)) is not None:
        raise TextError(f"{place}: text must be valid Unicode, but holds half of a surrogate pair at character {at}")
    if (at := text.find("\0")) >= 0:
        raise TextError(
            f"{place}: text must hold no NUL, but character {at} is one; remove it, or replace such characters by "
            "U+FFFD with `--on-bad-bytes replace`"
        )


def encoded(text: str) -> bytes:
    """Return a text as UTF-8, with bad bytes as they were read."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
