import csv
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import MissingExtraError, TextError
from nextword.text.options import OnBadBytes, TextOptions
from nextword.text.sources import documents
from nextword.text.sources.documents import Document
from nextword.text.sources.files import FileKind, Rows, TextFile, rows_of
from support.packing import PACK

ROWS = [("1", "one"), ("2", 'two "quoted", with\nlines'), ("3", ""), ("4", "café")]


def options_of(field: str, on_bad_bytes: OnBadBytes) -> TextOptions:
    return TextOptions(field=field, on_bad_bytes=on_bad_bytes)


def texts(path: Path, field: str = "text", on_bad_bytes: OnBadBytes = "strict") -> list[str]:
    return [text for _, text in TextFile(path, options_of(field, on_bad_bytes)).documents("line")]


def plain(path: Path, on_bad_bytes: OnBadBytes = "strict", field: str = "text") -> bytes:
    return b"".join(TextFile(path, options_of(field, on_bad_bytes)).blocks())


def plain_rows(rows: Any, field: str = "text") -> bytes:
    return b"".join(Rows(rows, options_of(field, "strict"), "`train`").blocks())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.jsonl"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("a.jsonl", "json lines"), ("a.ndjson.gz", "json lines"), ("a.JSONL.zst", "json lines")),
        *(("a.json", "json"), ("jsonl", "plain"), ("a.tsv.xz", "table"), ("a.parquet", "parquet")),
    ],
)
def test_a_file_is_known_by_its_name(tmp_path: Path, name: str, kind: FileKind) -> None:
    (tmp_path / name).write_bytes(b"")
    assert TextFile(tmp_path / name, TextOptions()).kind == kind


def test_each_record_is_a_line(path: Path) -> None:
    path.write_bytes(
        b'{"text": "the cat", "id": 1}\r\n\n{"id": 2, "text": "caf\\u00e9"}\n{"text": ""}\n{"text": "end"}'
    )
    assert plain(path) == "the cat\ncafé\n\nend\n".encode()


@pytest.mark.parametrize("packing", PACK)
def test_records_of_a_packed_file_are_read(tmp_path: Path, path: Path, packing: str) -> None:
    path.write_bytes(PACK[packing](b'{"text": "the cat"}\n' * 3))
    assert plain(path) == b"the cat\n" * 3
    table = tmp_path / "table.csv"
    table.write_bytes(PACK[packing](b"\xef\xbb\xbftext\r\none\r\ntwo\r\n"))
    assert texts(table) == ["one", "two"]


def test_a_document_of_several_lines_is_set_apart_by_blank_lines() -> None:
    assert plain_rows(["a", "b\nc\n", "d\r\ne", "f\n", "", "g\n\nh"]) == b"a\n\nb\nc\n\nd\ne\n\nf\n\ng\n\nh\n\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "x"', r"line 2: each line must be one JSON object, but this is not JSON \(.* at character 13\)"),
        (b'["x"]', "line 2: must be an object with the field `text`, but is of type list"),
        (b'{"body": "x", "id": 3}', "line 2: the field `text` is missing; .*--field.*this record has: body, id"),
        (b'{"text": null}', "line 2: the field `text` must be a string, but is null"),
        (b'{"text": 3}', "line 2: the field `text` must be a string, but is of type int"),
        (
            b'{"text": "\\ud800"}',
            "line 2: text must be valid Unicode, but holds half of a surrogate pair at character 0",
        ),
        (b'{"text": "a\\u0000"}', "line 2: text must hold no NUL, but character 1 is one"),
        (b'{"text": "a\xff"}', "line 2, byte 28: text must be UTF-8"),
        (b"[" * 100_000, "line 2: each line must be one JSON object"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_with_its_line(path: Path, line: bytes, message: str) -> None:
    path.write_bytes(b'{"text": "good"}\n' + line + b"\n")
    with pytest.raises(TextError, match=message):
        plain(path)


def test_bad_bytes_are_passed_on_to_be_replaced_and_counted(tmp_path: Path, path: Path) -> None:
    path.write_bytes(b'{"text": "a\xffb"}\n{"text": "\\ud800"}\n{"text": "c\\u0000"}\n{"text": "d\0"}\n')
    assert plain(path, "replace") == b"a\xffb\n\xed\xa0\x80\nc\0\nd\0\n"
    table = tmp_path / "table.csv"
    table.write_bytes(b"text\nt\xffwo\n")
    assert texts(table, on_bad_bytes="replace") == ["t\udcffwo"]


def test_rows_are_strings_or_hold_one() -> None:
    assert plain_rows(["a", {"text": "b", "id": 1}]) == b"a\nb\n"
    assert plain_rows(({"body": text} for text in "ab"), field="body") == b"a\nb\n"
    with pytest.raises(TextError, match=r"`train`, row 2: must be an object with the field `text`, but is of type int"):
        plain_rows(["a", 3])
    with pytest.raises(TextError, match=r"`train`, row 1: the field `text` is missing; .* this record has: body"):
        plain_rows([{"body": "a"}])
    with pytest.raises(TextError, match=r"`train`, row 2: text must be valid Unicode"):
        plain_rows(["a", "b\ud800"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"text": ["a"]}, "must hold the splits `train`, .* but holds 'text'; pass a list"),
        ({}, "but holds nothing"),
        ({"train": "the cat"}, "`train` must be several strings, .* but is one string; pass a list"),
        ({"train": {"text": ["a"]}}, "`train` must be several strings, .* but is of type dict"),
        (b"the cat", "the text must be several strings, .* but is of type bytes"),
        (7, "the text must be several strings, .* but is of type int"),
    ],
)
def test_what_is_no_text_is_refused(text: object, message: str) -> None:
    with pytest.raises(TextError, match=message):
        rows_of(text, TextOptions())


def test_quotes_between_tabs_are_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    rows = ['"Oh no," he said.', '"Oh no."', '"Oh', "no"]
    path.write_text("".join(f"{id_}\t{text}\n" for id_, text in [("id", "text"), *enumerate(rows)]), encoding="utf-8")
    assert texts(path) == rows
    assert texts(path, "id") == ["0", "1", "2", "3"]


def test_the_column_is_read_that_the_field_names(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), *ROWS])
    assert texts(path) == [text for _, text in ROWS]
    assert texts(path, "id") == ["1", "2", "3", "4"]


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


def parquet_file(path: Path, **columns: list[object]) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow: install the extra `data`")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path, row_group_size=100)
    return path


def test_parquet_is_read_in_the_order_of_its_rows(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "table.parquet", id=list(range(3000)), body=[f"row {n}" for n in range(3000)])
    found = list(TextFile(path, TextOptions(field="body")).documents("line"))
    assert [text for _, text in found] == [f"row {number}" for number in range(3000)]
    assert found[2999] == Document(f"`{path}`, row 3000", "row 2999")


def test_parquet_that_is_refused_is_named_by_its_row(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "table.parquet", body=["one", None], id=[1, 2])
    with pytest.raises(TextError, match=r"table\.parquet`: the field `text` is missing; .* this record has: body, id"):
        texts(path)
    with pytest.raises(TextError, match=r"row 2: the field `body` must be a string, but is null"):
        texts(path, "body")
    with pytest.raises(TextError, match=r"row 1: the field `id` must be a string, but is of type int"):
        texts(path, "id")
    path.write_bytes(path.read_bytes()[:-20])
    pyarrow = pytest.importorskip("pyarrow")
    broken = pyarrow.Array.from_buffers(
        pyarrow.string(), 1, [None, pyarrow.py_buffer(b"\0\0\0\0\4\0\0\0"), pyarrow.py_buffer(b"abc\xff")]
    )
    pyarrow.parquet.write_table(pyarrow.table({"text": broken}), tmp_path / "bytes.parquet")
    with pytest.raises(TextError, match=r"bytes\.parquet` must be a whole Parquet file, but is damaged \(.*utf-8"):
        texts(tmp_path / "bytes.parquet")
    with pytest.raises(TextError, match=r"table\.parquet` must be a whole Parquet file, but is damaged"):
        texts(path, "body")


def test_parquet_without_its_library_is_refused_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda _: None)
    (tmp_path / "table.parquet").write_bytes(b"")
    with pytest.raises(MissingExtraError, match=r"reading Parquet needs pyarrow, .* pip install 'nextword\[data\]'"):
        texts(tmp_path / "table.parquet")
