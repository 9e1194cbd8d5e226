import errno
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import StorageError, TextError
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reading.lines import split_lines
from nextword.text.reading.reader import TextRange
from nextword.text.sources import plain
from nextword.text.sources.documents import Document
from nextword.text.sources.files import TextFile, rows_of
from nextword.text.sources.find import resolve_source
from nextword.text.sources.plain import ArrangementCounts, plain_files, plain_rows, write_arranged
from support.packing import PACK

JOINED = b"one\n\ntwo\n\nthree\n\nfour\n"


def bytes_of(part: TextRange) -> bytes:
    return b"".join(part.blocks())


def range_of(path: Path, cache: Path, options: TextOptions = DEFAULT_OPTIONS) -> TextRange:
    return plain_files([TextFile(path, options)], options, cache, shown=str(path)).ranges["all"]


def joined_of(files: list[TextFile], cache: Path) -> bytes:
    return bytes_of(plain_files(files, DEFAULT_OPTIONS, cache, shown="all").ranges["all"])


def gathered(text: object, cache: Path) -> Path:
    return plain_rows(rows_of(text, DEFAULT_OPTIONS), cache, shown="rows").ranges["all"].path.parent


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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_a_blank_line_is_between_files_whatever_ends_their_lines(tmp_path: Path, end: str) -> None:
    for name, content in (("a.txt", f"one{end}"), ("b.txt", "two\n")):
        (tmp_path / name).write_bytes(content.encode())
    joined = joined_of([TextFile(tmp_path / name, DEFAULT_OPTIONS) for name in ("a.txt", "b.txt")], tmp_path / "cache")
    assert split_lines(joined.decode()) == ["one", "", "two", ""]


def test_files_of_all_kinds_are_joined(tmp_path: Path, files: list[TextFile]) -> None:
    assert joined_of(files, tmp_path / "cache") == JOINED


def test_what_was_refused_leaves_nothing(tmp_path: Path, files: list[TextFile]) -> None:
    (tmp_path / "d.txt").write_bytes(b"f\xffour")
    with pytest.raises(TextError, match=r"d\.txt`, line 1, byte 1"):
        joined_of([*files[:3], TextFile(tmp_path / "d.txt", DEFAULT_OPTIONS)], tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


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


BY_DOCUMENT = TextOptions(split_by="document", valid_fraction=0.2, test_fraction=0.1)


def arranged(
    folder: Path, texts: list[str], options: TextOptions, *, always_blank: bool = False
) -> tuple[dict[str, str], ArrangementCounts]:
    documents = (Document(f"row {number}", text) for number, text in enumerate(texts, start=1))
    counts = write_arranged(documents, options, folder, always_blank=always_blank)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}, counts


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def test_equal_documents_are_on_one_side_and_the_shares_are_right(tmp_path: Path) -> None:
    texts = [f"document {number % 2000}" for number in range(6000)]
    files, counts = arranged(tmp_path, texts, BY_DOCUMENT)
    sides = {name: set(lines_of(text)) for name, text in files.items()}
    assert sides.keys() == {"train", "valid", "test"}
    assert sum(map(len, sides.values())) == 2000  # no document is on two sides
    assert sum(len(lines_of(text)) for text in files.values()) == 6000
    assert len(sides["valid"]) == pytest.approx(400, abs=80)
    assert len(sides["test"]) == pytest.approx(200, abs=60)
    assert counts.num_kept == {name: len(lines_of(text)) for name, text in files.items()}
    assert "split by a hash of each of 6,000 documents: train " in counts.describe(BY_DOCUMENT)


def test_the_side_of_a_document_does_not_depend_on_the_others(tmp_path: Path) -> None:
    texts = [f"document {number}" for number in range(300)]
    (tmp_path / "all").mkdir()
    (tmp_path / "some").mkdir()
    everything, _ = arranged(tmp_path / "all", texts, BY_DOCUMENT)
    some, _ = arranged(tmp_path / "some", texts[::-3], BY_DOCUMENT)
    for name, text in some.items():
        assert set(lines_of(text)) <= set(lines_of(everything[name]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.sampled_from(["a", "b", "c d", "a\n", "e\nf", "g\r\nh"]), max_size=12))
def test_repeated_documents_are_dropped_and_counted(tmp_path: Path, texts: list[str]) -> None:
    options = TextOptions(deduplicate="documents")
    files, counts = arranged(tmp_path, texts, options)
    kept = list(dict.fromkeys(text.replace("\r\n", "\n").removesuffix("\n") for text in texts))
    assert lines_of(files["text"]) == [line for text in kept for line in text.split("\n")]
    assert (counts.num_kept, counts.num_repeated) == ({"all": len(kept)}, len(texts) - len(kept))


def test_documents_of_plain_text_are_parted_by_blank_lines(tmp_path: Path) -> None:
    options = TextOptions(deduplicate="documents")
    files, _ = arranged(tmp_path, ["one", "two", "three\nlines"], options, always_blank=True)
    assert files["text"] == "one\n\ntwo\n\nthree\nlines\n\n"


def test_a_document_that_is_no_text_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="row 2: text must hold no NUL"):
        arranged(tmp_path, ["one", "t\0wo"], BY_DOCUMENT)


HTML_ONLY = b"From bob Mon Mar  3 10:00:00 2024\nFrom: Bob\nContent-Type: text/html\n\n<p>Tea?</p>\n\n"


@pytest.mark.parametrize("deduplicate", ["none", "documents"])
def test_mails_in_html_only_are_counted(tmp_path: Path, deduplicate: str) -> None:
    path = tmp_path / "sent.mbox"
    plain = b"From bea Mon Mar  3 10:00:00 2024\nFrom: Bea\n\n" + b"At four, and not at five.\n" * 30 + b"\n"
    path.write_bytes(HTML_ONLY + plain + HTML_ONLY + plain.replace(b"four", b"six"))
    options = TextOptions.from_table({"deduplicate": deduplicate})
    for _ in range(2):
        source = resolve_source(path, options, cache_dir=tmp_path / "cache")
        assert source.left == "left out: 2 mails in HTML only"
