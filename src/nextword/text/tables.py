"""Documents in the column of a table: CSV, TSV and Parquet files."""

import csv
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from nextword.errors import MissingExtraError, TextError
from nextword.text.documents import Document, field_of, lines_of
from nextword.text.options import OnBadBytes
from nextword.text.packing import unpacked_blocks, unreadable

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
