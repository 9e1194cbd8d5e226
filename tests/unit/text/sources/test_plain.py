import errno
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import StorageError, TextError
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reading.lines import split_lines
from nextword.text.reading.reader import TextRange
from nextword.text.sources import plain
from nextword.text.sources.files import TextFile, rows_of
from nextword.text.sources.plain import gathered_rows, plain_range, write_joined
from support.packing import PACK

JOINED = b"one\n\ntwo\n\nthree\n\nfour\n"


def bytes_of(part: TextRange) -> bytes:
    return b"".join(part.blocks())


def range_of(path: Path, cache: Path, options: TextOptions = DEFAULT_OPTIONS) -> TextRange:
    return plain_range(TextFile(path, options), cache)


def gathered(text: object, cache: Path) -> Path:
    return gathered_rows(rows_of(text, DEFAULT_OPTIONS), cache)


def test_a_plain_file_is_read_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(b"the cat\n")
    assert range_of(path, tmp_path / "cache") == TextRange(path, 0, 8)
    assert not (tmp_path / "cache").exists()


def test_a_packed_file_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, cache = tmp_path / "a.gz", tmp_path / "b.gz", tmp_path / "cache"
    for path in (first, second):
        path.write_bytes(PACK["gzip"](b"the cat\n"))
    part = range_of(first, cache)
    monkeypatch.setattr(plain, "_write", None)
    other = range_of(second, cache)
    assert (part.path, bytes_of(part)) == (other.path, b"the cat\n")
    assert (part.name, other.name) == (str(first), str(second))


def test_records_are_kept_by_field_and_by_what_is_done_with_bad_bytes(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"text": "a", "body": "b"}\n')
    options = (DEFAULT_OPTIONS, TextOptions(field="body"), TextOptions(on_bad_bytes="replace"))
    parts = [range_of(path, tmp_path / "cache", each) for each in options]
    assert list(map(bytes_of, parts)) == [b"a\n", b"b\n", b"a\n"]
    assert len({part.path for part in parts}) == 3


def test_a_large_packed_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.gz"
    path.write_bytes(PACK["gzip"](b"the cat sat on the mat\n" * 2**20))  # 24 MB
    tracemalloc.start()
    part = range_of(path, tmp_path / "cache")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert part.num_bytes == 23 * 2**20
    assert peak < 4 * 2**20


@pytest.mark.parametrize("name", ["notes.gz", "notes.jsonl"])
def test_a_file_that_changes_before_it_is_copied_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, cache, write = tmp_path / name, tmp_path / "cache", plain._write
    old, new = (b'{"text": "old"}\n', b'{"text": "new"}\n')
    if name.endswith(".gz"):
        old, new = PACK["gzip"](old), PACK["gzip"](new)
    path.write_bytes(old)

    def change_first(*args: Any) -> None:
        path.write_bytes(new)
        write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(plain, "_write", change_first)
        with pytest.raises(TextError, match="has changed; try again"):
            range_of(path, cache)
    path.write_bytes(old)
    assert b"old" in bytes_of(range_of(path, cache))


@pytest.fixture
def files(tmp_path: Path) -> list[TextFile]:
    contents = {"a.txt": b"one\n", "b.txt": b"two", "c.jsonl": b'{"text": "three"}\n', "d.txt": b"four\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [TextFile(tmp_path / name, DEFAULT_OPTIONS) for name in contents]


def test_a_blank_line_is_between_files_whatever_ends_their_lines(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r", ""):
        for name, content in (("a.txt", f"one{end}"), ("b.txt", "two\n")):
            (tmp_path / name).write_bytes(content.encode())
        files = [TextFile(tmp_path / name, DEFAULT_OPTIONS) for name in ("a.txt", "b.txt")]
        write_joined(files, tmp_path / "partial", tmp_path)
        assert split_lines((tmp_path / "text.txt").read_bytes().decode()) == ["one", "", "two", ""], repr(end)


@pytest.mark.parametrize("interrupted", [0, 1, 2, 3])
def test_joining_resumes_with_the_file_that_was_interrupted(
    tmp_path: Path, files: list[TextFile], interrupted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "_SAVED_BYTES", 1)
    partial, read = tmp_path / "partial", list[Path]()
    checked_blocks = TextFile.checked_blocks

    def reading(most: int) -> Callable[[TextFile], Iterator[bytes]]:
        def blocks(file: TextFile) -> Iterator[bytes]:
            if len(read) == most:
                raise KeyboardInterrupt
            read.append(file.path)
            return checked_blocks(file)

        return blocks

    monkeypatch.setattr(TextFile, "checked_blocks", reading(interrupted))
    with pytest.raises(KeyboardInterrupt):
        write_joined(files, partial, tmp_path)
    with (partial / "text").open("ab") as file:
        file.write(b"half of a fi")  # as a power failure may leave it
    monkeypatch.setattr(TextFile, "checked_blocks", reading(-1))
    write_joined(files, partial, tmp_path)
    assert (tmp_path / "text.txt").read_bytes() == JOINED
    assert read == [file.path for file in files]
    assert not partial.exists()


@pytest.mark.parametrize("state", [b"", b"{}", json.dumps({"files": 2, "bytes": 10**6, "between": ""}).encode()])
def test_a_damaged_note_is_not_believed(tmp_path: Path, files: list[TextFile], state: bytes) -> None:
    partial = tmp_path / "partial"
    partial.mkdir()
    (partial / "state.json").write_bytes(state)
    (partial / "text").write_bytes(b"rest")
    write_joined(files, partial, tmp_path)
    assert (tmp_path / "text.txt").read_bytes() == JOINED


def test_what_was_refused_leaves_nothing(tmp_path: Path, files: list[TextFile]) -> None:
    (tmp_path / "d.txt").write_bytes(b"f\xffour")
    bad = [*files[:3], TextFile(tmp_path / "d.txt", DEFAULT_OPTIONS)]
    with pytest.raises(TextError, match=r"d\.txt`, line 1, byte 1"):
        write_joined(bad, tmp_path / "partial", tmp_path)
    assert not (tmp_path / "partial").exists()
    assert not (tmp_path / "text.txt").exists()


def test_what_is_in_memory_is_written_once_and_nothing_is_left_over(tmp_path: Path) -> None:
    folders = [gathered(text, tmp_path) for text in (["a", "b"], iter(["a", "b"]), ["a\n", "b"])]
    assert len(set(folders)) == 1
    assert (folders[0] / "text.txt").read_bytes() == b"a\nb\n"
    with pytest.raises(TextError, match="the text, row 1: must be an object"):
        gathered([1], tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".gathering")] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which this system has not")
def test_a_full_disk_is_an_error_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = tmp_path / "book.gz", Path.open
    path.write_bytes(PACK["gzip"](b"the cat\n" * 20_000))

    def open_full(path: Path, mode: str = "r", **options: Any) -> Any:
        return opened(Path("/dev/full") if mode == "wb" else path, mode, **options)

    monkeypatch.setattr(Path, "open", open_full)
    for write in (
        lambda: gathered(["the cat"], tmp_path / "cache"),
        lambda: gathered(["the cat"] * 20_000, tmp_path / "cache"),
        lambda: range_of(path, tmp_path / "cache"),
    ):
        with pytest.raises(StorageError, match=r"must be writable, .*No space left on device\); free space"):
            write()
    assert not list((tmp_path / "cache").glob("text-*"))


def test_an_error_of_the_rows_themselves_is_passed_on(tmp_path: Path) -> None:
    def rows() -> Iterator[str]:
        yield "the cat"
        raise OSError(errno.EIO, "network down")

    with pytest.raises(OSError, match="network down"):
        gathered(rows(), tmp_path)


class Column:
    """Like a `Series` of pandas: an iterable of strings with the numbers of its rows as keys."""

    def keys(self) -> range:
        return range(2)

    def __getitem__(self, key: int) -> str:
        return "ab"[key]

    def __iter__(self) -> Iterator[str]:
        return iter("ab")


def test_a_column_of_a_table_is_a_text(tmp_path: Path) -> None:
    assert (gathered(Column(), tmp_path) / "text.txt").read_bytes() == b"a\nb\n"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StorageError, match=r"cache` must be writable, .*NEXTWORD_CACHE"):
        gathered(["a"], tmp_path / "cache")
