import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import SettingError, StorageError
from nextword.inference.suggestion.user_words import UserWords, is_learnable

TOLU = {"word": "Tolu", "count": 2}
WHOLE: dict[str, object] = {"format": "nextword user words 1", "words": [TOLU], "forgotten": ["teh"]}


def counts_of(words: UserWords) -> list[tuple[str, int]]:
    return [(word, words.count_of(word)) for word in words]


def test_the_least_recently_used_word_is_removed() -> None:
    words = UserWords(maximum=2)
    for word in ("a", "b", "a", "c"):
        words.learn(word)
    assert counts_of(words) == [("a", 2), ("c", 1)]
    for word in ("x", "y", "z"):
        words.forget(word)
    assert [words.is_forgotten(word) for word in "xyz"] == [False, True, True]


def test_no_word_is_lost_in_a_file_or_a_merge(tmp_path: Path) -> None:
    mine, theirs = UserWords(), UserWords()
    for number in range(12_000):
        mine.learn(f"mine{number}")
        theirs.learn(f"theirs{number}")
    theirs.forget(*(f"bad{number}" for number in range(12_000)))
    path = tmp_path / "words.json"
    theirs.save(path)
    mine.merge(UserWords.load(path))
    assert (len(mine), len(mine.forgotten)) == (24_000, 12_000)


def test_a_forgotten_word_can_be_learned_again() -> None:
    words = UserWords()
    words.learn("teh", 7)
    words.forget("teh")
    assert ("teh" in words, words.count_of("teh"), words.is_forgotten("teh")) == (False, 0, True)
    words.learn("teh")
    assert ("teh" in words, words.count_of("teh"), words.is_forgotten("teh")) == (True, 1, False)


def test_a_copy_is_independent() -> None:
    words = UserWords()
    words.learn("a")
    words.forget("b")
    copy = words.copy()
    copy.learn("b")
    copy.forget("a")
    assert (list(words), words.is_forgotten("b"), list(copy)) == (["a"], True, ["b"])


@pytest.mark.parametrize(
    "word", ["", "new york", "a" * 65, "a\n", "\x1b[2J", "a\u200b", "\ud800a", "<unk>", "<EOS>", "\u00a0a"]
)
def test_an_invalid_word_is_refused(word: str) -> None:
    assert not is_learnable(word)
    with pytest.raises(SettingError, match="a user word must be 1 to 64 printable characters"):
        UserWords().learn(word)
    words = UserWords()
    words.forget(word)
    assert not words.is_forgotten(word)


def test_a_word_is_forgotten_in_any_case_and_a_number_too() -> None:
    words = UserWords()
    for word in ("Damn", "1815", "!"):
        words.forget(word)
    assert all(words.is_forgotten(word) for word in ("damn", "DAMN", "1815", "!"))
    with pytest.raises(SettingError, match="a user word must be"):
        words.learn("1815")
    words.allow("damn")
    assert words.forgotten == ["1815", "!"]


def test_words_of_two_machines_are_merged_and_those_of_this_one_decide() -> None:
    mine, theirs = UserWords(), UserWords()
    for words, learned, forgotten in ((mine, "aab", "xb2"), (theirs, "abbx", "ayB")):
        for word in learned:
            words.learn(word)
        for word in forgotten:
            words.forget(word)
    assert (counts_of(mine), mine.forgotten) == ([("a", 2)], ["x", "b", "2"])
    for _ in range(2):
        mine.merge(theirs)
        assert (counts_of(mine), mine.forgotten) == ([("a", 2)], ["x", "b", "2", "y"])
    theirs.merge(mine)
    assert (counts_of(theirs), theirs.forgotten) == ([("x", 1)], ["a", "y", "B", "2"])


@pytest.mark.parametrize("count", [0, -1, 10**9 + 1])
def test_counts_have_a_range(count: int) -> None:
    with pytest.raises(SettingError, match="`count` must be between 1 and"):
        UserWords().learn("a", count)
    with pytest.raises(SettingError, match="`maximum` must be at least 1, but is 0"):
        UserWords(maximum=0)


@settings(max_examples=15)
@given(
    used=st.lists(st.tuples(st.text(min_size=1, max_size=5).filter(is_learnable), st.integers(1, 10**9)), max_size=6),
    forgotten=st.lists(st.sampled_from(["teh", "Zoë"])),
)
def test_saved_words_are_loaded_unchanged(
    used: list[tuple[str, int]], forgotten: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = UserWords()
    for word, count in used:
        words.learn(word, count)
    for word in forgotten:
        words.forget(word)
    path = tmp_path_factory.mktemp("words") / "words.json"
    words.save(path)
    loaded = UserWords.load(path)
    assert counts_of(loaded) == counts_of(words)
    assert all(loaded.is_forgotten(word) for word in forgotten)
    again = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == again


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "nextword user words 2"}, "must have the format 'nextword user words 1', but has"),
        ({"format": 1}, "must contain a value of type str for `format`"),
        ({"extra": 1}, "must contain tables of format, words, forgotten"),
        ({"words": {}}, "must contain a value of type list for `words`"),
        ({"words": [{"word": "Tolu"}]}, "must contain tables of word, count"),
        ({"words": ["Tolu"]}, "must contain tables of word, count"),
        ({"words": [{"word": "Tolu", "count": True}]}, "must contain a value of type int for `count`"),
        ({"words": [{"word": "Tolu", "count": 0}]}, "`count` must be between 1 and"),
        (
            {"words": [{"word": "To lu", "count": 1}]},
            "must contain printable words with a letter, but contains 'To lu'",
        ),
        ({"words": [{"word": "\x1b[2J", "count": 1}]}, r"but contains '\\x1b\[2J'"),
        ({"words": [TOLU, TOLU]}, "must not name 'Tolu' twice"),
        ({"forgotten": ["teh", "teh"]}, "must not name 'teh' twice"),
        ({"forgotten": ["Tolu"]}, "must not name 'Tolu' twice"),
        ({"forgotten": [1]}, "must contain printable words"),
    ],
)
def test_a_file_with_another_format_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text(json.dumps(WHOLE), encoding="utf-8")
    assert counts_of(UserWords.load(path)) == [("Tolu", 2)]
    path.write_text(json.dumps(WHOLE | change), encoding="utf-8")
    with pytest.raises(StorageError, match=message):
        UserWords.load(path)


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b'{"format": 1, "format": 1}', b" " * (2**22 + 1)])
def test_a_file_that_is_not_plain_json_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="must be a file of user words from nextword"):
        UserWords.load(path)


def test_the_error_for_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be read .No such file or directory.; check the path"):
        UserWords.load(tmp_path / "none.json")


def test_words_that_exceed_the_file_size_are_not_written(tmp_path: Path) -> None:
    words = UserWords()
    for number in range(50_000):
        words.learn(f"{'a' * 50}{number}")
    with pytest.raises(StorageError, match="must take at most 4,194,304 bytes"):
        words.save(tmp_path / "words.json")
    assert list(tmp_path.iterdir()) == []
