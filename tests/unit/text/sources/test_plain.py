import errno
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import StorageError, TextError
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reading.reader import TextRange
from nextword.text.sources import plain as gathering
from nextword.text.sources.joining import write_joined
from nextword.text.sources.plain import gathered, joined_files, plain_range
from support.packing import PACK


def bytes_of(part: TextRange) -> bytes:
    return b"".join(part.blocks())


def test_a_plain_file_is_read_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(b"the cat\n")
    assert plain_range(path, DEFAULT_OPTIONS, tmp_path / "cache") == TextRange(path, 0, 8)
    assert not (tmp_path / "cache").exists()


def test_a_packed_file_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, cache = tmp_path / "a.gz", tmp_path / "b.gz", tmp_path / "cache"
    for path in (first, second):
        path.write_bytes(PACK["gzip"](b"the cat\n"))
    part = plain_range(first, DEFAULT_OPTIONS, cache)
    monkeypatch.setattr(gathering, "_write", None)
    other = plain_range(second, DEFAULT_OPTIONS, cache)
    assert (part.path, bytes_of(part)) == (other.path, b"the cat\n")
    assert (part.name, other.name) == (str(first), str(second))


def test_records_are_kept_by_field_and_by_what_is_done_with_bad_bytes(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"text": "a", "body": "b"}\n')
    options = (DEFAULT_OPTIONS, TextOptions(field="body"), TextOptions(on_bad_bytes="replace"))
    parts = [plain_range(path, each, tmp_path / "cache") for each in options]
    assert list(map(bytes_of, parts)) == [b"a\n", b"b\n", b"a\n"]
    assert len({part.path for part in parts}) == 3


def test_a_large_packed_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.gz"
    path.write_bytes(PACK["gzip"](b"the cat sat on the mat\n" * 2**20))  # 24 MB
    tracemalloc.start()
    part = plain_range(path, DEFAULT_OPTIONS, tmp_path / "cache")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert part.num_bytes == 23 * 2**20
    assert peak < 4 * 2**20


@pytest.mark.parametrize("name", ["notes.gz", "notes.jsonl", "notes.txt"])
def test_a_file_that_changes_before_it_is_copied_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, cache, kept = tmp_path / "notes" / name, tmp_path / "cache", gathering._cached

    path.parent.mkdir()
    old, new = (b'{"text": "old"}\n', b'{"text": "new"}\n')
    if name.endswith(".gz"):
        old, new = PACK["gzip"](old), PACK["gzip"](new)
    path.write_bytes(old)

    def change(*args: Any, **options: Any) -> TextRange:
        path.write_bytes(new)
        return kept(*args, **options)

    def change_first(*args: Any) -> None:
        path.write_bytes(new)
        write_joined(*args)

    def read() -> bytes:
        joined = joined_files(path.parent, DEFAULT_OPTIONS, cache) if name.endswith(".txt") else None
        return bytes_of(joined.part if joined else plain_range(path, DEFAULT_OPTIONS, cache))

    with monkeypatch.context() as patch:
        patch.setattr(gathering, "_cached", change)
        patch.setattr(gathering, "write_joined", change_first)
        with pytest.raises(TextError, match="has changed; try again"):
            read()
    path.write_bytes(old)
    assert b"old" in read()


def test_files_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.txt").write_bytes(b"\xef\xbb\xbfno line end")
    (folder / "a.txt.gz").write_bytes(PACK["gzip"](b"packed\r\n"))
    (folder / "c.md").write_bytes(b"")
    (folder / "sub" / "d.TXT").write_bytes(b"last\n")
    joined = joined_files(folder, DEFAULT_OPTIONS, tmp_path / "cache")
    assert joined is not None
    assert bytes_of(joined.part) == b"packed\r\n\nno line end\n\nlast\n"
    assert joined.part.name == f"{folder} (4 files as one text)"
    assert joined.description == "4 files of `notes` in the order of their names (a.txt.gz, b.txt, c.md and 1 more)"
    assert joined_files(tmp_path / "cache", DEFAULT_OPTIONS, tmp_path / "other") is not None
    assert joined_files(tmp_path / "nowhere", DEFAULT_OPTIONS, tmp_path / "other") is None


def test_a_bad_byte_of_a_joined_file_is_named_by_that_file(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"good\n")
    (folder / "b.txt").write_bytes(b"good\nb\xffad\n")
    with pytest.raises(TextError, match=r"b\.txt`, line 2, byte 6: text must be UTF-8"):
        joined_files(folder, DEFAULT_OPTIONS, tmp_path / "cache")
    joined = joined_files(folder, TextOptions(on_bad_bytes="replace"), tmp_path / "cache")
    assert joined is not None
    assert bytes_of(joined.part) == b"good\n\ngood\nb\xffad\n"


def test_what_is_in_memory_is_written_once_and_nothing_is_left_over(tmp_path: Path) -> None:
    folders = [gathered(text, DEFAULT_OPTIONS, tmp_path) for text in (["a", "b"], iter(["a", "b"]), ["a\n", "b"])]
    assert len(set(folders)) == 1
    assert (folders[0] / "text.txt").read_bytes() == b"a\nb\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".gathering")] == []
    with pytest.raises(TextError, match="the text, row 1: must be an object"):
        gathered([1], DEFAULT_OPTIONS, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".gathering")] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which this system has not")
def test_a_full_disk_is_an_error_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = tmp_path / "book.gz", Path.open
    path.write_bytes(PACK["gzip"](b"the cat\n" * 20_000))

    def open_full(path: Path, mode: str = "r", **options: Any) -> Any:
        return opened(Path("/dev/full") if mode == "wb" else path, mode, **options)

    monkeypatch.setattr(Path, "open", open_full)
    for write in (
        lambda: gathered(["the cat"], DEFAULT_OPTIONS, tmp_path / "cache"),
        lambda: gathered(["the cat"] * 20_000, DEFAULT_OPTIONS, tmp_path / "cache"),
        lambda: plain_range(path, DEFAULT_OPTIONS, tmp_path / "cache"),
    ):
        with pytest.raises(StorageError, match=r"cache` must be writable, .*No space left on device\); free space"):
            write()
    assert not list((tmp_path / "cache").glob("text-*"))


def test_an_error_of_the_rows_themselves_is_passed_on(tmp_path: Path) -> None:
    def rows() -> Iterator[str]:
        yield "the cat"
        raise OSError(errno.EIO, "network down")

    with pytest.raises(OSError, match="network down"):
        gathered(rows(), DEFAULT_OPTIONS, tmp_path)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".gathering-killed").mkdir()
    gathered(["the cat"], DEFAULT_OPTIONS, tmp_path)
    assert not list(tmp_path.glob(".gathering-*"))


class Column:
    """Like a `Series` of pandas: an iterable of strings with the numbers of its rows as keys."""

    def keys(self) -> range:
        return range(2)

    def __getitem__(self, key: int) -> str:
        return "ab"[key]

    def __iter__(self) -> Iterator[str]:
        return iter("ab")


def test_a_column_of_a_table_is_a_text(tmp_path: Path) -> None:
    assert (gathered(Column(), DEFAULT_OPTIONS, tmp_path) / "text.txt").read_bytes() == b"a\nb\n"


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
def test_what_is_no_text_is_refused(tmp_path: Path, text: object, message: str) -> None:
    with pytest.raises(TextError, match=message):
        gathered(text, DEFAULT_OPTIONS, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StorageError, match=r"cache` must be writable, .*NEXTWORD_CACHE"):
        gathered(["a"], DEFAULT_OPTIONS, tmp_path / "cache")
