from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nextword.errors import TextError
from nextword.text.corpus import Corpus
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reading.reader import TextRange
from nextword.text.sources.find import TextLike, TextSource, resolve_source
from nextword.text.sources.names import SPLITS, is_pattern, run_name, stored_name
from support.packing import PACK


def folder_with(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"text of {name}\n", encoding="utf-8")
    return folder


def bytes_of(part: TextRange) -> bytes:
    return b"".join(part.blocks())


def whole_of(text: TextLike, **options: Any) -> TextRange:
    return resolve_source(text, needed=("all",), **options).parts["all"]


def files_of(source: TextSource) -> list[str]:
    return [source.parts[split].path.name for split in SPLITS]


@pytest.mark.parametrize(
    ("names", "pretokenized"),
    [
        (("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"), True),
        (("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"), True),
        (("train.txt", "valid.txt", "test.txt"), False),
        (("train.txt", "validation.txt", "test.txt"), False),
        (("train.txt", "val.txt", "test.txt"), False),
        (("train.txt", "dev.txt", "test.txt"), False),
    ],
)
def test_the_files_of_a_folder_are_recognized(tmp_path: Path, names: tuple[str, ...], pretokenized: bool) -> None:
    source = resolve_source(folder_with(tmp_path / "books", *names, "other.txt"), DEFAULT_OPTIONS)
    assert files_of(source) == list(names)
    assert source.name == "books"
    assert source.pretokenized is pretokenized
    assert all(name in source.how_split for name in names)


def test_a_text_is_named_so_that_it_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(tmp_path, "austen", "mine.txt")
    monkeypatch.chdir(tmp_path)
    assert stored_name("mine.txt") == str(tmp_path.resolve() / "mine.txt")
    assert stored_name("austen") == "austen"  # the sample, though a file is called so
    assert {stored_name("./austen"), stored_name(Path("austen"))} == {str(tmp_path.resolve() / "austen")}
    assert stored_name("nowhere.txt") == "nowhere.txt"


def test_a_folder_without_the_files_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(TextError) as caught:
        resolve_source(folder_with(tmp_path / "books", "train.txt", "test.txt"), DEFAULT_OPTIONS)
    for looked_for in (
        "books",
        "but lacks valid;",
        "ptb.train.txt",
        "wiki.valid.tokens",
        "valid.txt|validation.txt|val.txt|dev.txt",
    ):
        assert looked_for in str(caught.value)


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_file_is_read_whatever_its_name(tmp_path: Path, packing: str) -> None:
    path, plain = tmp_path / "ptb.train.txt.gz", b"the cat sat\n" * 1000
    path.write_bytes(PACK[packing](plain))
    source = resolve_source(path, DEFAULT_OPTIONS)
    assert b"".join(bytes_of(part) for part in source.parts.values()) == plain
    assert {part.name for part in source.parts.values()} == {str(path)}
    assert source.name == "ptb.train.txt.gz"
    assert source.stored_name == str(path.resolve())
    assert source.how_split.startswith("one file, `ptb.train.txt.gz`, split by bytes")
    assert source.pretokenized  # as the unpacked file
    assert bytes_of(whole_of(path)) == plain


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", ["jsonl", "ndjson"])
def test_the_splits_of_a_folder_may_be_json_lines_and_packed(tmp_path: Path, ending: str, name: str) -> None:
    for split in ("train", "validation", "test"):
        packed = PACK["gzip" if ending == ".gz" else "zstd"](b'{"text": "a %s"}\n' % split.encode())
        path = tmp_path / f"{split}.{name}{ending}"
        path.write_bytes(packed if ending else b'{"text": "a %s"}\n' % split.encode())
    source = resolve_source(tmp_path, DEFAULT_OPTIONS)
    assert [bytes_of(source.parts[split]) for split in SPLITS] == [b"a train\n", b"a validation\n", b"a test\n"]
    assert f"valid `validation.{name}{ending}`" in source.how_split


def test_a_folder_of_other_text_files_is_one_text(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a.txt", "notes.csv", ".hidden/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"%s\n" % name.encode() * 50)
    source = resolve_source(tmp_path, DEFAULT_OPTIONS)
    joined = b"".join(bytes_of(source.parts[split]) for split in SPLITS)
    assert joined == b"a/z.md\n" * 50 + b"\n" + b"a.txt\n" * 50 + b"\n" + b"b.txt\n" * 50
    start = f"3 files of `{tmp_path.name}` in the order of their names (a/z.md, a.txt, b.txt), split by bytes"
    assert source.how_split.startswith(start)
    assert bytes_of(whole_of(tmp_path)) == joined


def test_a_folder_says_how_many_of_its_files_are_read_and_which_are_left(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "archive", "a.txt", "b.MD", ".hidden.pdf", *(f"{n}.html" for n in range(3)))
    for name in ("a.txt", "b.MD"):
        (folder / name).write_text(f"a text in {name}\n" * 50, encoding="utf-8")
    for name in ("c.pdf", "LICENSE"):
        (folder / name).write_text("not a text\n", encoding="utf-8")
    left = "`archive`: 2 of 7 files are .txt or .md; left out: 3 .html, 1 .pdf, 1 without an ending"
    assert resolve_source(folder, DEFAULT_OPTIONS).left == left
    arranged = DEFAULT_OPTIONS.replace(deduplicate="documents")
    assert resolve_source(folder, arranged).left == left
    for path in folder.iterdir():
        if path.suffix.lower() not in (".txt", ".md"):
            path.unlink()
    assert resolve_source(folder, DEFAULT_OPTIONS).left == ""
    assert resolve_source(folder / "a.txt", DEFAULT_OPTIONS).left == ""


def test_a_folder_without_a_text_says_what_to_put_there(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "notes", "a.html")
    with pytest.raises(
        TextError,
        match=r"notes` has no text; put \.txt or \.md files into it, or train\.txt, valid\.txt and test\.txt$",
    ):
        resolve_source(folder, DEFAULT_OPTIONS)


LINES = [f"the cat sat on mat {number}" for number in range(100)]


def test_strings_in_memory_are_one_text() -> None:
    plain = "".join(f"{line}\n" for line in LINES).encode()
    for text in (LINES, tuple(LINES), (line for line in LINES), [{"text": line} for line in LINES]):
        source = resolve_source(text, DEFAULT_OPTIONS)
        assert b"".join(bytes_of(source.parts[split]) for split in SPLITS) == plain
        assert source.name == "text"
        assert source.how_split.startswith("one text in memory, split by bytes in its own order: train 91.0%")
        assert {part.name for part in source.parts.values()} == {"the text in memory"}
    assert bytes_of(whole_of(LINES)) == plain


class Rows:
    """One split of a library: an iterable of mappings."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    def __iter__(self) -> Iterator[dict[str, object]]:
        return iter([{"text": text, "label": number} for number, text in enumerate(self._texts)])


class Splits(dict[str, Rows]):
    """Like `datasets.DatasetDict`."""


@pytest.mark.parametrize(
    "text",
    [
        {"train": ["a", "b"], "valid": ["c"], "test": ["d"]},
        Splits(train=Rows("a", "b"), validation=Rows("c"), test=Rows("d"), unsupervised=Rows("e")),
        SimpleNamespace(train=["a", "b"], valid=["c"], test=["d"]),
    ],
    ids=["mapping", "like a DatasetDict", "attributes"],
)
def test_splits_in_memory_stay_as_they_are(text: Any) -> None:
    source = resolve_source(text, DEFAULT_OPTIONS)
    assert [bytes_of(source.parts[split]) for split in SPLITS] == [b"a\nb\n", b"c\n", b"d\n"]
    assert source.how_split == "split as given: train, valid, test"
    again = resolve_source(source.stored_name, DEFAULT_OPTIONS)  # as a resumed run finds it
    assert [part.sha256 for part in again.parts.values()] == [part.sha256 for part in source.parts.values()]
    assert again.name == source.name == "text"
    lone = resolve_source(LINES, DEFAULT_OPTIONS)
    assert resolve_source(lone.stored_name, DEFAULT_OPTIONS).name == "text"


def test_a_lone_split_is_split_unless_it_is_the_one_needed() -> None:
    for name in ("train", "test"):
        source = resolve_source({name: LINES}, DEFAULT_OPTIONS)
        assert [part.num_bytes > 0 for part in source.parts.values()] == [True] * 3
        assert Path(source.stored_name).is_file()
    assert list(resolve_source({"test": ["a"]}, DEFAULT_OPTIONS, needed=("test",)).parts) == ["test"]
    with pytest.raises(TextError, match="must hold each of train, valid, test, but lacks valid; add it, or pass one"):
        resolve_source({"train": LINES, "test": LINES}, DEFAULT_OPTIONS)
    with pytest.raises(TextError, match="`text` must be one text to be read whole, but has splits"):
        whole_of({"train": LINES, "test": LINES})


def test_a_split_that_is_not_needed_is_not_read() -> None:
    def unread() -> Iterator[str]:
        yield from ()
        raise AssertionError("it is read")

    source = resolve_source({"train": unread(), "test": ["a"]}, DEFAULT_OPTIONS, needed=("test",))
    assert [*source.parts] == ["test"]


def test_an_address_is_answered_with_how_to_download_it() -> None:
    with pytest.raises(TextError, match="is an address; download it, such as with `curl -O`, and name it"):
        resolve_source("https://example.org/mail.jsonl.gz")


def test_a_text_of_several_lines_as_a_string_is_answered_with_what_to_pass() -> None:
    with pytest.raises(TextError, match=r"this one has several lines; .* pass a list of strings"):
        resolve_source("It is a truth\nuniversally acknowledged\n", DEFAULT_OPTIONS)


def test_one_split_needs_one_file(tmp_path: Path) -> None:
    source = resolve_source(folder_with(tmp_path, "test.txt"), DEFAULT_OPTIONS, needed=("test",))
    assert list(source.parts) == ["test"]


def test_a_lone_file_is_split_by_the_fractions(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(b"line\n" * 100)
    options = TextOptions(valid_fraction=0.1, test_fraction=0.2)
    source = resolve_source(str(path), options)
    assert [source.parts[split] for split in SPLITS] == [
        TextRange(path, 0, 355),
        TextRange(path, 355, 405),
        TextRange(path, 405, 500),
    ]
    assert (source.name, source.pretokenized) == ("book.txt", False)
    assert "book.txt" in source.how_split


def test_a_path_that_is_named_like_a_sample_is_reached_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_with(tmp_path / "austen", "train.txt", "valid.txt", "test.txt")
    monkeypatch.chdir(tmp_path)
    for text in ("./austen", Path("austen")):
        assert files_of(resolve_source(text, DEFAULT_OPTIONS)) == ["train.txt", "valid.txt", "test.txt"]
    assert files_of(resolve_source("austen", DEFAULT_OPTIONS)) == ["austen.txt"] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("austin", "`austin` is not a sample, file or folder; did you mean `austen`?"),
        ("bok.txt", "did you mean `book.txt`?"),
        ("x", "samples: austen, ptb, wikitext-2"),
        ("nowhere/at/all", "samples: austen, ptb, wikitext-2"),
        ("austria", "samples: austen, ptb, wikitext-2"),
        ("back.md", "samples: austen, ptb, wikitext-2"),
        ("./bok.txt", "did you mean `book.txt`?"),
    ],
)
def test_a_misspelt_text_is_answered_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    folder_with(tmp_path, "book.txt")
    monkeypatch.chdir(tmp_path)
    for resolve in (lambda: resolve_source(text, DEFAULT_OPTIONS), lambda: whole_of(text)):
        with pytest.raises(TextError) as caught:
            resolve()
        assert message in str(caught.value)
        assert "./NAME" in str(caught.value)


@pytest.mark.parametrize("text", ["She was very much obliged. He went", "It is a truth."])
def test_a_text_in_place_of_a_path_is_told_how_to_be_passed(text: str) -> None:
    with pytest.raises(TextError, match=r"pass a list, such as `\[text\]`"):
        resolve_source(text, DEFAULT_OPTIONS)
    with pytest.raises(TextError, match="samples: austen"):
        resolve_source("my lost novel.txt", DEFAULT_OPTIONS)


def test_a_folder_or_an_empty_file_is_no_whole_file(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="has no text; put"):
        whole_of(tmp_path)
    folder_with(tmp_path, "train.txt")
    with pytest.raises(TextError, match="must be one text to be read whole, but has splits"):
        whole_of(tmp_path)
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(TextError, match=r"empty\.txt` must hold text, but is empty"):
        whole_of(tmp_path / "empty.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ([], "^`the text in memory` must hold text, but is empty$"),
        ({"train": []}, "^`the text in memory` must hold text, but is empty$"),
        (["a"], "^`the text in memory` must be long enough .*, or a mapping of train, valid and test$"),
    ],
)
def test_a_text_in_memory_that_is_too_short_is_not_called_by_its_file(
    tmp_path: Path, text: list[str] | dict[str, list[str]], message: str
) -> None:
    with pytest.raises(TextError, match=message):
        resolve_source(text, DEFAULT_OPTIONS, cache_dir=tmp_path)
    if "empty" in message:
        with pytest.raises(TextError, match=message):
            whole_of(text, cache_dir=tmp_path)


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    folder = tmp_path / "mail"
    (folder / "old").mkdir(parents=True)
    (folder / "b.jsonl").write_bytes(b'{"text": "two"}\n{"text": "three"}\n')
    (folder / "a.txt.xz").write_bytes(PACK["xz"](b"one\n"))
    (folder / "old" / "c.csv").write_bytes(b"id,text\n4,four\n")
    return folder


def whole(text: TextLike, cache: Path) -> bytes:
    return bytes_of(whole_of(text, cache_dir=cache))


def test_a_pattern_names_files_in_the_order_of_their_names(mail: Path, tmp_path: Path) -> None:
    assert whole(f"{mail}/*.*", tmp_path / "cache") == b"one\n\ntwo\nthree\n"
    assert whole(f"{mail}/**/*.*", tmp_path / "cache") == b"one\n\ntwo\nthree\n\nfour\n"
    assert whole(f"{mail}/*.jsonl", tmp_path / "cache") == b"two\nthree\n"
    with pytest.raises(TextError, match=r"parquet` must match at least one file, but matches none"):
        whole(f"{mail}/*.parquet", tmp_path / "cache")


def test_a_list_of_paths_is_read_in_its_own_order(mail: Path, tmp_path: Path) -> None:
    paths = [mail / "b.jsonl", mail / "a.txt.xz"]
    assert whole(paths, tmp_path / "cache") == b"two\nthree\n\none\n"
    assert whole(paths[:1], tmp_path / "cache") == b"two\nthree\n"
    source = resolve_source([mail / "b.jsonl"] * 30, DEFAULT_OPTIONS, cache_dir=tmp_path / "cache")
    again = resolve_source(source.stored_name, DEFAULT_OPTIONS, cache_dir=tmp_path / "cache")
    assert [part.sha256 for part in again.parts.values()] == [part.sha256 for part in source.parts.values()]


def test_a_pattern_is_found_from_any_folder(mail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mail.parent)
    assert stored_name("mail/*.txt") == str(mail.parent / "mail/*.txt")
    assert is_pattern("mail/*.txt")


def test_a_pattern_in_a_folder_whose_name_looks_like_one_is_found_again(
    mail: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(mail.rename(tmp_path / "mail [old]"))
    stored = resolve_source("*.*", DEFAULT_OPTIONS, needed=("all",), cache_dir=tmp_path / "cache").stored_name
    assert whole(stored, tmp_path / "cache") == b"one\n\ntwo\nthree\n"
    assert resolve_source(stored, DEFAULT_OPTIONS, needed=("all",), cache_dir=tmp_path / "cache").name == "mail [old]"


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "notes [1].txt"
    path.write_bytes(b"one\n")
    assert not is_pattern(str(path))
    assert whole(str(path), tmp_path / "cache") == b"one\n"


@pytest.mark.parametrize("text", ["Is it? " * 40, "?" * 300])
def test_a_long_pattern_matches_nothing_and_says_so(text: str, tmp_path: Path) -> None:
    with pytest.raises(TextError, match="must match at least one file"):
        resolve_source(text, cache_dir=tmp_path)


def test_runs_of_several_texts_have_names_of_their_own(tmp_path: Path) -> None:
    for name in ("v1.2", "my.notes"):
        (tmp_path / name).mkdir()
    names = ["v1.2", "v1.3", "my.notes", "a.jsonl.gz", "b.txt", "mail/*.txt"]
    assert [run_name(tmp_path / name) for name in names] == ["v1.2", "v1.3", "my.notes", "a", "b", "mail"]


def test_documents_of_several_plain_files_are_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.txt").write_text(f"Dear {number % 30},\n\nall is well.\n", encoding="utf-8")
    options = TextOptions(deduplicate="documents", split_by="document", valid_fraction=0.3, test_fraction=0.3)
    source = resolve_source(folder, options, cache_dir=tmp_path / "cache")
    assert source.name == "letters"
    assert "30 repeated documents dropped" in source.how_split
    texts = [b"".join(part.blocks()).decode() for part in source.parts.values()]
    assert sum(text.count("Dear") for text in texts) == 30
    assert all("\n\n\n" not in text for text in texts)


@pytest.mark.parametrize(("document", "dropped"), [("auto", 1), ("paragraph", 1), ("line", 2), ("file", 0)])
def test_documents_of_one_plain_file_are_paragraphs_unless_said(tmp_path: Path, document: str, dropped: int) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(b"one\ntwo\n\nthree\n\none\ntwo\n\n" + b"".join(b"line %d\n" % n for n in range(40)))
    options = TextOptions(deduplicate="documents").replace(document=document)
    source = resolve_source(path, options, cache_dir=tmp_path / "cache")
    assert f"{dropped} repeated document" in source.how_split
    assert (source.name, source.stored_name) == ("book.txt", str(path))


def test_a_text_with_splits_of_its_own_is_not_arranged(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_bytes(b"one\n")
    options = TextOptions(deduplicate="documents")
    with pytest.raises(TextError, match=r"need a text without splits, but .* has its own"):
        resolve_source(tmp_path, options)
    with pytest.raises(TextError, match="need a text without splits, but a mapping of splits has its own"):
        resolve_source({"train": ["a"], "valid": ["b"], "test": ["c"]}, options)


@pytest.mark.parametrize("split_by", ["bytes", "document"])
def test_rows_of_a_program_are_arranged_and_found_again(tmp_path: Path, split_by: str) -> None:
    rows = [{"body": f"mail {number % 200}\nof {number % 200}"} for number in range(400)]
    options = TextOptions(deduplicate="documents", field="body").replace(split_by=split_by)
    corpus = Corpus.load(rows, options, cache_dir=tmp_path)
    assert corpus.report.how_split.startswith("one text in memory, ")
    assert "200 repeated documents dropped" in corpus.report.how_split
    assert sum(corpus.split(split).report.read.num_lines for split in ("train", "valid", "test")) in range(598, 803)
    assert Corpus.load(corpus.stored_name, corpus.options, cache_dir=tmp_path).sha256 == corpus.sha256
    assert Corpus.load(iter(rows), options, cache_dir=tmp_path).sha256 == corpus.sha256


def test_a_split_without_documents_is_refused_with_the_name_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_bytes(b'{"text": "one"}\n')
    with pytest.raises(TextError, match=r"few\.jsonl` must hold text for the \w+ split, but got no document; give"):
        resolve_source(path, TextOptions(split_by="document"), cache_dir=tmp_path / "cache")


def test_the_arranged_text_is_made_once(mail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mail / "many.jsonl"
    path.write_bytes(b"".join(b'{"text": "mail %d"}\n' % number for number in range(100)))
    options = TextOptions(deduplicate="documents")
    first = resolve_source(path, options, cache_dir=tmp_path / "cache")
    monkeypatch.setattr("nextword.text.sources.plain.write_arranged", None)
    assert resolve_source(path, options, cache_dir=tmp_path / "cache") == first


def test_a_bad_byte_of_a_joined_file_is_named_by_that_file(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfgood\n")
    (folder / "b.txt").write_bytes(b"good\nb\xffad\n")
    with pytest.raises(TextError, match=r"b\.txt`, line 2, byte 6: text must be UTF-8"):
        whole_of(folder, cache_dir=tmp_path / "cache")
    options = TextOptions(on_bad_bytes="replace")
    part = whole_of(folder, options=options, cache_dir=tmp_path / "cache")
    assert bytes_of(part) == b"good\n\ngood\nb\xffad\n"
    assert part.name == f"{folder} (2 files as one text)"
