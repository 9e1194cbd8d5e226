import csv
from pathlib import Path

import pytest

from nextword.errors import MissingExtraError, TextError
from nextword.text.options import OnBadBytes
from nextword.text.sources import files
from nextword.text.sources.documents import Document
from nextword.text.sources.files import documents_of_csv, documents_of_parquet
from support.packing import PACK

ROWS = [("1", "one"), ("2", 'two "quoted", with\nlines'), ("3", ""), ("4", "café")]


def texts(path: Path, field: str = "text", delimiter: str = ",", on_bad_bytes: OnBadBytes = "strict") -> list[str]:
    return [text for _, text in documents_of_csv(path, field, delimiter, on_bad_bytes)]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_the_column_is_read_that_the_field_names(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([("id", "text"), *ROWS])
    assert texts(path, delimiter=delimiter) == [text for _, text in ROWS]
    assert texts(path, "id", delimiter=delimiter) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_table_is_read(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(PACK[packing](b"\xef\xbb\xbftext\r\none\r\ntwo\r\n"))
    assert texts(path) == ["one", "two"]


def test_a_document_may_be_longer_than_the_limit_of_the_library(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("text\n" + "a" * 200_000 + "\n", encoding="utf-8")
    assert [len(text) for text in texts(path)] == [200_000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,body\n1,one\n", r"table\.csv`, line 2: the field `text` is missing; .* this record has: id, body"),
        (b"id,text\n1,one\n2\n", r"table\.csv`, line 3: the field `text` must be a string, but is null"),
        (b'text\n"one"two\n', r"table\.csv`, line 2: each row must be CSV, but this is not"),
        (b"text\none\nt\xffwo\n", r"table\.csv`, line 3, byte 10: text must be UTF-8"),
    ],
)
def test_a_row_that_is_refused_is_named_by_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(TextError, match=message):
        texts(path)


def test_bad_bytes_are_kept_for_those_who_replace_them(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"text\nt\xffwo\n")
    assert texts(path, on_bad_bytes="replace") == ["t\udcffwo"]


def parquet_file(path: Path, **columns: list[object]) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow: install the extra `data`")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path, row_group_size=100)
    return path


def test_parquet_is_read_in_the_order_of_its_rows(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "table.parquet", id=list(range(3000)), body=[f"row {n}" for n in range(3000)])
    found = list(documents_of_parquet(path, "body"))
    assert [text for _, text in found] == [f"row {number}" for number in range(3000)]
    assert found[2999] == Document(f"`{path}`, row 3000", "row 2999")


def test_parquet_that_is_refused_is_named_by_its_row(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "table.parquet", body=["one", None], id=[1, 2])
    with pytest.raises(TextError, match=r"table\.parquet`: the field `text` is missing; .* this record has: body, id"):
        list(documents_of_parquet(path, "text"))
    with pytest.raises(TextError, match=r"row 2: the field `body` must be a string, but is null"):
        list(documents_of_parquet(path, "body"))
    with pytest.raises(TextError, match=r"row 1: the field `id` must be a string, but is of type int"):
        list(documents_of_parquet(path, "id"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TextError, match=r"table\.parquet` must be a whole Parquet file, but is damaged"):
        list(documents_of_parquet(path, "body"))


def test_parquet_without_its_library_is_refused_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"reading Parquet needs pyarrow, .* pip install 'nextword\[data\]'"):
        list(documents_of_parquet(tmp_path / "table.parquet", "text"))
