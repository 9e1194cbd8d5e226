import gzip
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import NextwordError, SettingError, TextError
from nextword.text.corpus import Corpus
from nextword.text.encoding import token_store
from nextword.text.encoding.token_store import Encoded, encode_new
from nextword.text.options import TextOptions
from nextword.text.reading.reader import TextRange
from nextword.text.sources.names import SPLITS

PROSE = b"It is a truth\nacknowledged, that\n\na man in a\ngood mood\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {"train": "the cat sat\nthe cat ran\n", "valid": "the cat\n", "test": "the dog sat\n"}
    for split, text in texts.items():
        (tmp_path / f"{split}.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_the_vocabulary_is_that_of_the_training_split_alone(folder: Path, cache: Path) -> None:
    corpus = Corpus.load(folder, TextOptions(minimum_count=1), cache_dir=cache)
    assert corpus.tokenizer.vocabulary.tokens == ("<eos>", "cat", "the", "ran", "sat", "<unk>")
    assert corpus.train.ids.tolist() == [2, 1, 4, 0, 2, 1, 3, 0]
    assert corpus.valid.ids.tolist() == [2, 1, 0]
    assert corpus.test.ids.tolist() == [2, 5, 4, 0]
    assert corpus.test.report.num_out_of_vocabulary == 1


def test_splits_are_reached_by_name(folder: Path, cache: Path) -> None:
    corpus = Corpus.load(folder, cache_dir=cache)
    assert [corpus.split(name) for name in SPLITS] == [corpus.train, corpus.valid, corpus.test]
    unknown: Any = "tset"
    with pytest.raises(SettingError, match="`tset` is not a split; did you mean `test`"):
        corpus.split(unknown)


def test_a_text_is_read_with_the_tokenizer_of_a_model(folder: Path, cache: Path, tmp_path: Path) -> None:
    model = Corpus.load(folder, TextOptions(minimum_count=1), cache_dir=cache).tokenizer
    other = tmp_path / "other.txt"
    other.write_text("a bird sat\n" * 50, encoding="utf-8")
    corpus = Corpus.load(other, tokenizer=model, cache_dir=cache)
    assert corpus.tokenizer is model
    assert corpus.options.kind == "word"
    assert corpus.train.ids[:4].tolist() == [5, 5, 4, 0]
    assert corpus.train.report.num_unknown == corpus.train.num_tokens // 2


def test_the_report_tells_how(folder: Path, cache: Path) -> None:
    described = Corpus.load(folder, cache_dir=cache).report.describe()
    assert described[0].startswith("split as the files of")
    assert "<eos> stands for the end of a line (chosen from the training text)" in described[1]
    assert "test: 2 tokens out of vocabulary, read as <unk>" in described
    given = Corpus.load(folder, TextOptions(line_ends="line"), cache_dir=cache)
    assert "chosen" not in given.report.how_cut


def test_verse_keeps_its_lines_and_a_close_choice_names_the_other(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "poem.txt"
    verse = "Rain, come down\nAnd wet the lawn,\nO rain!\n\n" * 99
    path.write_text(verse, encoding="utf-8")
    line = "<eos> stands for the end of a line; for prose with wrapped lines, use --line-ends paragraph"
    short, found = Corpus.load(path, cache_dir=cache).report.remarks()
    assert found == line
    assert "is very little text" in short
    path.write_text(verse.lower(), encoding="utf-8")
    paragraph = "<eos> stands for the end of a paragraph; for verse, use --line-ends line"
    assert paragraph in Corpus.load(path, cache_dir=cache).report.remarks()
    given = Corpus.load(path, TextOptions(line_ends="line"), cache_dir=cache)
    assert "verse" not in "".join(given.report.remarks())


def test_files_that_a_short_folder_leaves_are_told_in_its_first_remark(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("It is a fine day.\n" * 99, encoding="utf-8")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8")
    first = Corpus.load(tmp_path, cache_dir=cache).report.remarks()[0]
    assert first.startswith("2 KB is very little text: ")
    assert first.endswith("1 of 2 files are .txt or .md; left out: 1 .jpg)")


def test_the_hash_is_that_of_all_splits(folder: Path, cache: Path) -> None:
    first = Corpus.load(folder, cache_dir=cache)
    assert Corpus.load(folder, TextOptions(tokenizer="character"), cache_dir=cache).sha256 == first.sha256
    (folder / "test.txt").write_text("other\n", encoding="utf-8")
    second = Corpus.load(folder, cache_dir=cache)
    assert second.sha256 != first.sha256
    assert second.train.sha256 == first.train.sha256


def test_one_split_is_that_of_the_corpus(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("".join(f"line {number}\n" for number in range(100)), encoding="utf-8")
    options = TextOptions(valid_fraction=0.2, test_fraction=0.3)
    corpus = Corpus.load(path, options, cache_dir=cache)
    for split in SPLITS:
        store, expected = (
            Corpus.load_split(path, split, corpus.tokenizer, options, cache_dir=cache),
            corpus.split(split),
        )
        assert (store.ids.tolist(), store.report, store.sha256) == (
            expected.ids.tolist(),
            expected.report,
            expected.sha256,
        )


def test_a_file_is_read_whole_where_asked(folder: Path, cache: Path) -> None:
    tokenizer = Corpus.load(folder, cache_dir=cache).tokenizer
    store = Corpus.load_split(folder / "test.txt", "all", tokenizer, cache_dir=cache)
    assert store.ids.tolist() == Corpus.load_split(folder, "test", tokenizer, cache_dir=cache).ids.tolist()


def test_a_split_of_another_name_is_refused(folder: Path, cache: Path) -> None:
    tokenizer = Corpus.load(folder, cache_dir=cache).tokenizer
    unknown: Any = "tests"
    with pytest.raises(SettingError, match="did you mean `test`"):
        Corpus.load_split(folder, unknown, tokenizer, cache_dir=cache)


def test_a_tokenizer_named_by_its_kind_is_refused_with_what_to_write_instead(folder: Path, cache: Path) -> None:
    kind: Any = "character"
    for load in (Corpus.load, partial(Corpus.load_split, split="train")):
        with pytest.raises(
            SettingError, match=r"a `Tokenizer`, .*, but is 'character'; .*TextOptions\(tokenizer=\.\.\.\)"
        ):
            load(folder, tokenizer=kind, cache_dir=cache)
    assert Corpus.load(folder, TextOptions(tokenizer=kind), cache_dir=cache).tokenizer.kind == "character"


BAD_CONTENT = [b"", b"\n", b"\n" * 500, b" ", b"x", b"\0", b"\xff" * 500, b"\xff\xfea\0b\0", b"\xef\xbb\xbf", b"\r\r\r"]


@pytest.mark.parametrize("content", BAD_CONTENT)
@pytest.mark.parametrize("tokenizer", ["auto", "pretokenized", "word", "character"])
def test_a_text_that_is_none_is_refused_with_its_name(
    tmp_path: Path, cache: Path, content: bytes, tokenizer: str
) -> None:
    path = tmp_path / "none.txt"
    path.write_bytes(content)
    with pytest.raises(TextError, match=r"none\.txt"):
        Corpus.load(path, TextOptions().replace(tokenizer=tokenizer), cache_dir=cache)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xff", b"a\0"])
def test_a_bad_split_is_refused_with_its_name(folder: Path, cache: Path, split: str, content: bytes) -> None:
    (folder / f"{split}.txt").write_bytes(content)
    with pytest.raises(NextwordError, match=rf"{split}\.txt"):
        Corpus.load(folder, cache_dir=cache)


def test_the_sample_is_prose_that_survives_the_tokenizer(shared_cache: Path) -> None:
    corpus = Corpus.load("austen", cache_dir=shared_cache)
    assert (corpus.options.kind, corpus.options.line_ends) == ("word", "paragraph")
    assert 5_000 < corpus.tokenizer.vocabulary_size < 50_000
    assert corpus.tokenizer.decode(corpus.train.ids[96:115]) == (
        "of his life, had a constant companion and housekeeper in his sister. But her death, which"
    )
    assert "train 90.0%, valid 5.0%, test 5.0%; cut after a blank line" in corpus.report.how_split


def test_ptb_is_read_as_the_tutorial_reads_it(data_dir: Path, shared_cache: Path) -> None:
    corpus = Corpus.load("ptb", data_dir=data_dir, cache_dir=shared_cache)
    assert corpus.options.kind == "pretokenized"
    assert corpus.tokenizer.vocabulary_size == 10_000
    assert corpus.train.ids[:5].tolist() == [9970, 9971, 9972, 9974, 9975]
    words = corpus.tokenizer.decode(corpus.train.ids[100:110])
    assert words == "workers exposed to it more than N years ago researchers"
    assert [corpus.split(name).num_tokens for name in SPLITS] == [929_589, 73_760, 82_430]
    assert [corpus.split(name).num_words for name in SPLITS] == [929_589, 73_760, 82_430]
    assert [corpus.split(name).report.num_out_of_vocabulary for name in SPLITS] == [0, 0, 0]


@pytest.mark.slow
def test_wikitext_2_has_its_published_counts(data_dir: Path, shared_cache: Path) -> None:
    if not (data_dir / "wikitext-2").is_dir():
        pytest.skip("needs WikiText-2: set NEXTWORD_DATA to a folder with wikitext-2/wiki.train.tokens")
    corpus = Corpus.load("wikitext-2", data_dir=data_dir, cache_dir=shared_cache)
    assert corpus.tokenizer.vocabulary_size == 33_278
    assert [corpus.split(name).num_tokens for name in SPLITS] == [2_088_628, 217_646, 245_569]
    assert [corpus.split(name).report.num_out_of_vocabulary for name in SPLITS] == [0, 0, 0]


def train_on(tmp_path: Path, content: bytes) -> TextRange:
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    return TextRange.whole(path)


def encoded(train: TextRange, options: TextOptions, cache: Path) -> Encoded:
    return encode_new({"train": train}, options, cache=cache)


def word_options(**changes: object) -> TextOptions:
    return TextOptions(tokenizer="word").replace(**changes).resolved(pretokenized=False)


def test_the_vocabulary_is_counted_with_the_ends(tmp_path: Path) -> None:
    options = TextOptions(tokenizer="pretokenized").resolved(pretokenized=False)
    tokenizer = encoded(train_on(tmp_path, b"b a\n\na a\nb"), options, tmp_path).tokenizer
    assert tokenizer.vocabulary.tokens == ("<eos>", "a", "b", "<unk>")


def test_the_options_limit_the_vocabulary(tmp_path: Path) -> None:
    train = train_on(tmp_path, b"a a a b b c\n")
    rare_cut = encoded(train, word_options(), tmp_path).tokenizer
    assert rare_cut.vocabulary.tokens == ("a", "b", "<eos>", "<unk>")
    size_cut = encoded(train, word_options(maximum_vocabulary=3), tmp_path).tokenizer
    assert size_cut.vocabulary.tokens == ("<unk>", "a", "<eos>")


@pytest.mark.parametrize(
    ("content", "asked", "expected"),
    [
        (PROSE, "auto", "paragraph"),
        (PROSE, "line", "line"),
        (b"one line\nand another\n", "auto", "line"),
        (b"one line\nand another\n", "paragraph", "paragraph"),
    ],
)
def test_line_ends_are_chosen_by_the_text_unless_given(
    tmp_path: Path, content: bytes, asked: str, expected: str
) -> None:
    tokenizer = encoded(train_on(tmp_path, content), word_options(line_ends=asked), tmp_path).tokenizer
    assert tokenizer.line_ends == expected


def test_the_cache_is_used_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = train_on(tmp_path, PROSE)
    first = encoded(train, word_options(), tmp_path)
    monkeypatch.setattr(token_store, "_write_ids", None)
    assert encoded(TextRange.whole(train.path), word_options(), tmp_path) == first


def test_other_text_or_options_are_not_answered_from_the_cache(tmp_path: Path) -> None:
    first = encoded(train_on(tmp_path, PROSE), word_options(), tmp_path)
    assert encoded(train_on(tmp_path, PROSE), word_options(minimum_count=1), tmp_path) != first
    assert encoded(train_on(tmp_path, PROSE), word_options(line_ends="line"), tmp_path) != first
    assert encoded(train_on(tmp_path, PROSE + PROSE), word_options(), tmp_path) != first


def test_a_text_that_is_refused_is_refused_each_time(tmp_path: Path) -> None:
    options = TextOptions(tokenizer="pretokenized").resolved(pretokenized=False)
    for _ in range(2):
        with pytest.raises(TextError, match="line 1, byte 2: `<eos>` is reserved"):
            encoded(train_on(tmp_path, b"a <eos>\n"), options, tmp_path)


def test_it_is_shown_in_one_line(folder: Path, cache: Path) -> None:
    corpus = Corpus.load(folder, cache_dir=cache)
    sizes = ", ".join(f"{name} {corpus.split(name).num_tokens}" for name in SPLITS)
    assert repr(corpus) == f"Corpus({corpus.name!r}, {sizes} tokens, {corpus.tokenizer.summary})"
    assert repr(corpus.train) == f"TokenStore({corpus.train.num_tokens} tokens, 2 out of vocabulary)"


def test_the_field_can_be_named_beside_the_options_and_is_recorded() -> None:
    rows = [{"body": f"line {number}"} for number in range(300)]
    corpus = Corpus.load(rows, TextOptions(tokenizer="pretokenized"), field="body")
    assert corpus.options.field == "body"
    with pytest.raises(TextError, match="the text, row 1: the field `text` is missing"):
        Corpus.load(rows)


def test_one_split_of_a_mapping_is_read_for_a_model() -> None:
    lines = [f"the cat sat on mat {number} ." for number in range(300)]
    tokenizer = Corpus.load(lines, TextOptions(tokenizer="pretokenized")).tokenizer
    store = Corpus.load_split({"test": ["the cat", "sat"]}, "test", tokenizer)
    assert store.num_tokens == 5
    assert Corpus.load_split(["the cat", "sat"], "all", tokenizer).sha256 == store.sha256


def test_an_error_in_a_packed_text_names_the_packed_file_and_its_line(tmp_path: Path) -> None:
    path = tmp_path / "book.txt.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n" * 100 + b"th\xffree\n" + b"four\n" * 5))
    with pytest.raises(TextError, match=r"book\.txt\.gz`, line 201, byte 802: text must be UTF-8"):
        Corpus.load(path)
