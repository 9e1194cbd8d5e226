"""Files of any kind that nextword reads, as blocks of plain text or as documents."""

import csv
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from nextword.errors import MissingExtraError, TextError
from nextword.text.options import OnBadBytes, TextOptions
from nextword.text.reading.lines import read_lines
from nextword.text.reading.packing import bare_name, packing_of, unpacked_blocks, unreadable
from nextword.text.reading.reader import TextRange, changed_error
from nextword.text.sources.documents import (
    Document,
    documents_of_json_lines,
    field_of,
    is_json_lines,
    lines_of,
    plain_text,
)

FileKind = Literal["plain", "json lines", "table", "parquet"]

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What separates the columns of a table, by the ending of its name."""

PARQUET_SUFFIX = ".parquet"

_LONGEST_FIELD = 2**31 - 1
_BATCH_ROWS = 1024


def documents_of_csv(
    path: Path, field: str, delimiter: str, on_bad_bytes: OnBadBytes, *, sha256: str = "", shown: str = ""
) -> Iterator[Document]:
    """Yield the documents of a CSV or TSV file, packed or not. Its first line names the columns.

    Args:
        path: The file.
        field: Name of the column that holds the text.
        delimiter: What separates the columns.
        on_bad_bytes: With "strict", bytes that are not UTF-8 and NULs are refused.
        sha256: The SHA-256 sum that the file must have, in hexadecimal; any if empty.
        shown: How errors name the file (default: its path).

    Raises:
        TextError: The file cannot be read or has another sum, lacks the column, or a row is damaged. The message gives
            the number of the line at which the row ends.
    """
    shown = shown or str(path)
    lines = lines_of(unpacked_blocks(path, sha256=sha256, shown=shown), shown, on_bad_bytes)
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))  # else a long document is refused
    rows = csv.DictReader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            place = f"`{shown}`, line {rows.line_num}"
            row.pop(None, None)  # cells without a column
            yield Document(place, field_of(row, field, place))
    except csv.Error as error:
        raise TextError(
            f"`{shown}`, line {rows.reader.line_num}: each row must be CSV, but this is not ({error})"
        ) from error


def documents_of_parquet(path: Path, field: str, *, shown: str = "") -> Iterator[Document]:
    """Yield the documents of a Parquet file. Memory holds some thousand rows of the one column.

    Args:
        path: The file.
        field: Name of the column that holds the text.
        shown: How errors name the file (default: its path).

    Raises:
        MissingExtraError: pyarrow is not installed.
        TextError: The file cannot be read or is damaged, or lacks the column, or a row holds no string.
    """
    if find_spec("pyarrow") is None:
        raise MissingExtraError.of("reading Parquet needs pyarrow", None, "data")
    from pyarrow import ArrowException, parquet  # slow to import, and rarely needed

    shown = shown or str(path)
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if field not in names:
                field_of(dict.fromkeys(names), field, f"`{shown}`")
            number = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=[field]):
                for row in batch.to_pylist():
                    number += 1
                    place = f"`{shown}`, row {number}"
                    yield Document(place, field_of(row, field, place))
    except OSError as error:
        raise unreadable(path, error) from error
    except ArrowException as error:
        raise TextError(f"`{shown}` must be a whole Parquet file, but is damaged ({error}); copy it again") from error


def kind_of(path: Path) -> FileKind:
    """Return what a file holds, by its name without the ending of a packed file."""
    suffix = Path(bare_name(path.name)).suffix.lower()
    if is_json_lines(path):
        return "json lines"
    if suffix in DELIMITERS:
        return "table"
    return "parquet" if suffix == PARQUET_SUFFIX else "plain"


class TextFile:
    """A file to be read once.

    Args:
        path: The file.
        options: Which field to read, and what to do with bad bytes.
        shown: How errors name the file (default: its path).
    """

    def __init__(self, path: Path, options: TextOptions, shown: str = "") -> None:
        self.path = path
        self.kind = kind_of(path)
        self.shown = shown or str(path)
        self._options = options
        self._whole = TextRange.whole(path)

    @property
    def has_records(self) -> bool:
        """Whether it holds records, each with a field for the text."""
        return self.kind != "plain"

    @property
    def is_plain(self) -> bool:
        """Whether its bytes are the text."""
        return not self.has_records and packing_of(self.path) is None

    @property
    def made_by(self) -> tuple[str | None, ...]:
        """All that its plain text depends on."""
        sha256 = self._whole.sha256
        if not self.has_records:
            return (packing_of(self.path), sha256)
        suffix = "" if self.kind == "json lines" else Path(bare_name(self.path.name)).suffix.lower()
        return (f"{self.kind}{suffix}", self._options.field, self._options.on_bad_bytes, sha256)

    def documents(self) -> Iterator[Document]:
        """Yield the texts of its records.

        Raises:
            TextError: The file cannot be read, has changed, or a record is refused.
            MissingExtraError: It is Parquet, and pyarrow is not installed.
        """
        sha256, field, on_bad_bytes = self._whole.sha256, self._options.field, self._options.on_bad_bytes
        match self.kind:
            case "json lines":
                yield from documents_of_json_lines(self.path, field, on_bad_bytes, sha256=sha256, shown=self.shown)
            case "table":
                delimiter = DELIMITERS[Path(bare_name(self.path.name)).suffix.lower()]
                yield from documents_of_csv(self.path, field, delimiter, on_bad_bytes, sha256=sha256, shown=self.shown)
            case "parquet":
                yield from documents_of_parquet(self.path, field, shown=self.shown)
                if self._whole.has_changed:
                    raise changed_error(self._whole)

    def blocks(self) -> Iterator[bytes]:
        """Yield its plain text; bytes that are no text are refused only in records.

        Raises:
            TextError: The file cannot be read, has changed, or a record is refused.
        """
        if self.has_records:
            yield from plain_text(self.documents(), self._options.on_bad_bytes)
        else:
            yield from unpacked_blocks(self.path, sha256=self._whole.sha256, shown=self.shown)

    def checked_blocks(self) -> Iterator[bytes]:
        """Yield its plain text without a byte order mark; bytes that are no text are refused.

        Raises:
            TextError: The file cannot be read, has changed, or holds something refused.
        """
        if self.has_records:
            yield from self.blocks()
            return
        for chunk in read_lines(self.blocks(), self._place_of, on_bad_bytes=self._options.on_bad_bytes):
            yield chunk.data

    def parts(self, unit: Literal["file", "paragraph", "line"]) -> Iterator[Document]:
        """Yield its records, or the files, paragraphs or lines of plain text as documents.

        Raises:
            TextError: The file cannot be read, has changed, or holds something refused.
        """
        if self.has_records:
            yield from self.documents()
            return
        held: list[str] = []
        first = 1
        for number, line in enumerate(lines_of(self.blocks(), self.shown, self._options.on_bad_bytes), start=1):
            is_blank = not line.strip()
            if held and (unit == "line" or (unit == "paragraph" and is_blank)):
                yield self._document(first, held)
                held = []
            if not is_blank or (unit == "file" and held):
                first = first if held else number
                held.append(line)
        if held:
            yield self._document(first, held)

    def _document(self, first: int, lines: Sequence[str]) -> Document:
        return Document(f"`{self.shown}`, line {first}", "\n".join(lines).rstrip("\n"))

    def _place_of(self, line: int, byte: int) -> str:
        return f"`{self.shown}`, line {line}, byte {byte}"
