from pathlib import Path

import pytest

from nextword.errors import TextError
from nextword.text.corpus import Corpus
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.sources.find import resolve_source, resolve_whole
from nextword.text.sources.selection import is_pattern
from nextword.text.sources.text_name import stored_name
from support.packing import PACK


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    folder = tmp_path / "mail"
    (folder / "old").mkdir(parents=True)
    (folder / "b.jsonl").write_bytes(b'{"text": "two"}\n{"text": "three"}\n')
    (folder / "a.txt.xz").write_bytes(PACK["xz"](b"one\n"))
    (folder / "old" / "c.csv").write_bytes(b"id,text\n4,four\n")
    return folder


def whole(text: object, cache: Path) -> bytes:
    return b"".join(resolve_whole(text, DEFAULT_OPTIONS, cache_dir=cache).blocks())  # type: ignore[arg-type]


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


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "notes [1].txt"
    path.write_bytes(b"one\n")
    assert not is_pattern(str(path))
    assert whole(str(path), tmp_path / "cache") == b"one\n"


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
    options = TextOptions(deduplicate="documents", field="body").replace(split_by=split_by, text_order="documents")
    corpus = Corpus.load(rows, options, cache_dir=tmp_path)
    assert corpus.report.how_split.startswith("one text in memory, ")
    assert "200 repeated documents dropped; shuffled by document with seed 0" in corpus.report.how_split
    assert sum(corpus.split(split).report.read.num_lines for split in ("train", "valid", "test")) in range(598, 803)
    assert Corpus.load(corpus.stored_name, corpus.options, cache_dir=tmp_path).sha256 == corpus.sha256
    assert Corpus.load(iter(rows), options, cache_dir=tmp_path).sha256 == corpus.sha256


def test_a_split_without_documents_is_refused_with_the_name_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_bytes(b'{"text": "one"}\n')
    with pytest.raises(TextError, match=r"few\.jsonl` must hold text for the \w+ split, but is empty"):
        resolve_source(path, TextOptions(split_by="document"), cache_dir=tmp_path / "cache")


def test_the_arranged_text_is_made_once(mail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mail / "many.jsonl"
    path.write_bytes(b"".join(b'{"text": "mail %d"}\n' % number for number in range(100)))
    options = TextOptions(text_order="documents")
    first = resolve_source(path, options, cache_dir=tmp_path / "cache")
    monkeypatch.setattr("nextword.text.sources.arrange.write_arranged", None)
    assert resolve_source(path, options, cache_dir=tmp_path / "cache") == first
