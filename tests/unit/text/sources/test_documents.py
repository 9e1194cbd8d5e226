from pathlib import Path
from typing import Any

import pytest

from nextword.errors import TextError
from nextword.text.options import OnBadBytes
from nextword.text.sources.documents import documents_of_json_lines, documents_of_rows, is_json_lines, plain_text
from support.packing import PACK


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.jsonl"


def plain(path: Path, on_bad_bytes: OnBadBytes = "strict", field: str = "text") -> bytes:
    return b"".join(plain_text(documents_of_json_lines(path, field, on_bad_bytes), on_bad_bytes))


def plain_rows(rows: Any, on_bad_bytes: OnBadBytes = "strict", field: str = "text") -> bytes:
    return b"".join(plain_text(documents_of_rows(rows, field, "`train`"), on_bad_bytes))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jsonl", True), ("a.ndjson.gz", True), ("a.JSONL.zst", True), ("a.json", False), ("jsonl", False)],
)
def test_json_lines_are_known_by_their_name(name: str, expected: bool) -> None:
    assert is_json_lines(Path(name)) is expected


def test_each_record_is_a_line(path: Path) -> None:
    path.write_bytes(
        b'{"text": "the cat", "id": 1}\r\n\n{"id": 2, "text": "caf\\u00e9"}\n{"text": ""}\n{"text": "end"}'
    )
    assert plain(path) == "the cat\ncafé\n\nend\n".encode()


@pytest.mark.parametrize("packing", PACK)
def test_records_of_a_packed_file_are_read(path: Path, packing: str) -> None:
    path.write_bytes(PACK[packing](b'{"text": "the cat"}\n' * 3))
    assert plain(path) == b"the cat\n" * 3


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


def test_bad_bytes_are_passed_on_to_be_replaced_and_counted(path: Path) -> None:
    path.write_bytes(b'{"text": "a\xffb"}\n{"text": "\\ud800"}\n{"text": "c\\u0000"}\n{"text": "d\0"}\n')
    assert plain(path, "replace") == b"a\xffb\n\xed\xa0\x80\nc\0\nd\0\n"


def test_rows_are_strings_or_hold_one() -> None:
    assert plain_rows(["a", {"text": "b", "id": 1}]) == b"a\nb\n"
    assert plain_rows(({"body": text} for text in "ab"), field="body") == b"a\nb\n"
    with pytest.raises(TextError, match=r"`train`, row 2: must be an object with the field `text`, but is of type int"):
        plain_rows(["a", 3])
    with pytest.raises(TextError, match=r"`train`, row 1: the field `text` is missing; .* this record has: body"):
        plain_rows([{"body": "a"}])
    with pytest.raises(TextError, match=r"`train`, row 2: text must be valid Unicode"):
        plain_rows(["a", "b\ud800"])
