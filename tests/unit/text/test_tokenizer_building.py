from pathlib import Path

import pytest

from nextword.errors import TextError
from nextword.text import tokenizer_building
from nextword.text.options import TextOptions
from nextword.text.reader import TextRange
from nextword.text.tokenizer_building import tokenizer_for

PROSE = b"It is a truth\nacknowledged, that\n\na man in a\ngood mood\n"


def train_on(tmp_path: Path, content: bytes) -> TextRange:
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    return TextRange.whole(path)


def word_options(**changes: object) -> TextOptions:
    return TextOptions(tokenizer="word").replace(**changes).resolved(pretokenized=False)


def test_the_vocabulary_is_counted_with_the_ends(tmp_path: Path) -> None:
    options = TextOptions(tokenizer="pretokenized").resolved(pretokenized=False)
    tokenizer = tokenizer_for(train_on(tmp_path, b"b a\n\na a\nb"), options, cache=tmp_path)
    assert tokenizer.vocabulary.tokens == ("<eos>", "a", "b", "<unk>")


def test_the_options_limit_the_vocabulary(tmp_path: Path) -> None:
    train = train_on(tmp_path, b"a a a b b c\n")
    rare_cut = tokenizer_for(train, word_options(), cache=tmp_path)
    assert rare_cut.vocabulary.tokens == ("a", "b", "<eos>", "<unk>")
    size_cut = tokenizer_for(train, word_options(maximum_vocabulary=3), cache=tmp_path)
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
    tokenizer = tokenizer_for(train_on(tmp_path, content), word_options(line_ends=asked), cache=tmp_path)
    assert tokenizer.line_ends == expected


def test_the_cache_is_used_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = train_on(tmp_path, PROSE)
    first = tokenizer_for(train, word_options(), cache=tmp_path)
    monkeypatch.setattr(tokenizer_building, "_write", None)
    assert tokenizer_for(TextRange.whole(train.path), word_options(), cache=tmp_path) == first


def test_other_text_or_options_are_not_answered_from_the_cache(tmp_path: Path) -> None:
    first = tokenizer_for(train_on(tmp_path, PROSE), word_options(), cache=tmp_path)
    assert tokenizer_for(train_on(tmp_path, PROSE), word_options(minimum_count=1), cache=tmp_path) != first
    assert tokenizer_for(train_on(tmp_path, PROSE), word_options(line_ends="line"), cache=tmp_path) != first
    assert tokenizer_for(train_on(tmp_path, PROSE + PROSE), word_options(), cache=tmp_path) != first


def test_a_text_that_is_refused_is_refused_each_time(tmp_path: Path) -> None:
    options = TextOptions(tokenizer="pretokenized").resolved(pretokenized=False)
    for _ in range(2):
        with pytest.raises(TextError, match="line 1, byte 2: `<eos>` is reserved"):
            tokenizer_for(train_on(tmp_path, b"a <eos>\n"), options, cache=tmp_path)
