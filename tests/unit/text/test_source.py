import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reader import TextRange
from nextword.text.source import SPLITS, TextSource, resolve_source, resolve_whole_file, split_lone_file, stored_name


def folder_with(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"text of {name}\n", encoding="utf-8")
    return folder


def files_of(source: TextSource) -> list[str]:
    return [source.parts[split].path.name for split in SPLITS]


@pytest.mark.parametrize(
    ("names", "pretokenized"),
    [
        (("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"), True),
        (("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"), True),
        (("train.txt", "valid.txt", "test.txt"), False),
        (("train.txt", "validation.txt", "test.txt"), False),
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
        "valid.txt|validation.txt|dev.txt",
    ):
        assert looked_for in str(caught.value)


def test_a_packed_file_is_refused_with_how_to_unpack_it(tmp_path: Path) -> None:
    path = tmp_path / "book.txt.gz"
    path.write_bytes(gzip.compress(b"the cat sat\n" * 1000))
    with pytest.raises(TextError, match=r"but is packed with gzip; unpack it first: gunzip -k '.*book\.txt\.gz'"):
        resolve_source(path, DEFAULT_OPTIONS)


def test_one_split_needs_one_file(tmp_path: Path) -> None:
    source = resolve_source(folder_with(tmp_path, "test.txt"), DEFAULT_OPTIONS, needed=("test",))
    assert list(source.parts) == ["test"]


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    folder_with(tmp_path, "train.txt", "valid.txt", "test.txt")
    (tmp_path / "valid.txt").write_bytes(b"")
    with pytest.raises(TextError, match=r"valid\.txt` must hold text for the valid split, but is empty"):
        resolve_source(tmp_path, DEFAULT_OPTIONS)


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


def test_a_lone_file_of_a_known_corpus_is_recognized(tmp_path: Path) -> None:
    path = tmp_path / "ptb.train.txt"
    path.write_bytes(b"line\n" * 100)
    assert resolve_source(path, DEFAULT_OPTIONS).pretokenized


def test_a_sample_is_called_by_its_name(tmp_path: Path) -> None:
    folder_with(tmp_path / "ptb", "ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")
    source = resolve_source("ptb", DEFAULT_OPTIONS, data_dir=tmp_path)
    assert source.name == "ptb"
    assert source.parts["train"].path == tmp_path / "ptb" / "ptb.train.txt"


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
        ("x", "known: austen, ptb, wikitext-2"),
        ("nowhere/at/all", "known: austen, ptb, wikitext-2"),
    ],
)
def test_a_misspelt_text_is_answered_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    folder_with(tmp_path, "book.txt")
    monkeypatch.chdir(tmp_path)
    for resolve in (lambda: resolve_source(text, DEFAULT_OPTIONS), lambda: resolve_whole_file(text)):
        with pytest.raises(TextError) as caught:
            resolve()
        assert message in str(caught.value)
        assert "./NAME" in str(caught.value)


def test_a_whole_file_is_not_split(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_bytes(b"one line\n")
    assert resolve_whole_file(path) == TextRange(path, 0, 9)


def test_a_folder_or_an_empty_file_is_no_whole_file(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="must be one file to be read whole, but is a folder"):
        resolve_whole_file(tmp_path)
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(TextError, match=r"empty\.txt` must hold text, but is empty"):
        resolve_whole_file(tmp_path / "empty.txt")


def parts(path: Path, valid: float = 0.1, test: float = 0.1) -> list[bytes]:
    content = path.read_bytes()
    ranges, _ = split_lone_file(path, valid, test)
    return [content[ranges[name].start : ranges[name].stop] for name in ("train", "valid", "test")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.txt"


def test_the_cut_is_after_the_next_line_end(path: Path) -> None:
    path.write_bytes(b"".join(b"line %03d\n" % number for number in range(100)))
    train, valid, test = parts(path)
    assert (train[-9:], valid[-9:], test[-9:]) == (b"line 080\n", b"line 090\n", b"line 099\n")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_blank_line_nearby_is_preferred_and_half_a_line_end_is_none(path: Path, end: bytes) -> None:
    lines = [b"" if number in (45, 84) else b"line %03d" % number for number in range(100)]
    path.write_bytes(end.join(lines) + end)
    train, valid, _ = parts(path)
    assert train.endswith(b"line 083" + end + end)
    assert valid.endswith(b"line 090" + end)


def test_a_blank_line_too_far_away_is_not_waited_for(path: Path) -> None:
    lines = [b"" if number == 88 else b"line %03d" % number for number in range(100)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert parts(path)[0].endswith(b"line 079\n")


def test_a_line_end_of_two_characters_is_not_cut_apart(path: Path) -> None:
    for length in range(1, 12):
        path.write_bytes((b"a" * length + b"\r\n") * 60)
        for part in parts(path):
            assert part.endswith(b"a\r\n")
            assert part.startswith(b"a")


def test_a_line_end_is_not_cut_apart_where_the_search_for_a_blank_line_stops(path: Path) -> None:
    for length in range(780, 880):
        path.write_bytes(b"a" * length + b"\r\n\r\n" + b"line\r\n" * ((1000 - length) // 6))
        assert all(part.endswith(b"\r\n") for part in parts(path))


def test_a_blank_line_may_end_with_two_characters_or_hold_spaces(path: Path) -> None:
    path.write_bytes(b"one two\r\n \t\r\n" * 100)
    assert all(part.endswith(b"two\r\n \t\r\n") for part in parts(path))


def test_text_without_line_ends_is_cut_at_a_space(path: Path) -> None:
    path.write_bytes(b"word " * 100)
    assert all(part.startswith(b"word ") and part.endswith(b" ") for part in parts(path))
    assert "cut after a space" in split_lone_file(path, 0.1, 0.1)[1]


def test_the_sentence_says_how(path: Path) -> None:
    path.write_bytes(b"line\n" * 100)
    sentence = split_lone_file(path, 0.1, 0.2)[1]
    assert sentence == (
        "one file, `book.txt`, split by bytes in its own order: train 71.0%, valid 10.0%, test 19.0%; "
        "cut after a line end"
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(st.sampled_from(["a", "b c", "", "é", "\r"]), min_size=60),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    valid=st.floats(0.1, 0.4),
    test=st.floats(0.1, 0.4),
)
def test_nothing_is_lost_or_doubled_and_no_part_is_empty(
    tmp_path: Path, lines: list[str], end: str, valid: float, test: float
) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes((end.join(lines) + end).encode())
    first = parts(path, valid, test)
    assert b"".join(first) == path.read_bytes()
    assert all(first)
    assert parts(path, valid, test) == first


@pytest.mark.parametrize("content", [b"one line\n", b"x", b"unbroken" * 1000, b"a\nb\n"])
def test_a_file_that_cannot_be_cut_in_three_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(TextError, match=r"book\.txt` must be long enough to be cut in three"):
        split_lone_file(path, 0.05, 0.05)


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(TextError, match=r"book\.txt` must hold text, but is empty"):
        split_lone_file(path, 0.05, 0.05)
