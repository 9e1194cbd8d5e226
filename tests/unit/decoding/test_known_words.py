from collections.abc import Callable

import pytest

from nextword.decoding.known_words import KnownWords
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("kind", "known", "unknown"),
    [
        ("pretokenized", ["", "a", "ab", "ba"], ["x", "aba", "bb", "<eos>"]),
        ("word", ["", "a", "ab,", "a-b", "-", "b,-ab"], ["x", "x,", "a-x", "aba"]),
        ("subword", ["", "aaab", "b,"], ["abx"]),
        ("character", ["", "aaab", "b,"], ["abx"]),
    ],
)
def test_a_beginning_leads_to_a_known_word_or_does_not(
    tokenizer_of: Callable[[str], Tokenizer], kind: str, known: list[str], unknown: list[str]
) -> None:
    words = KnownWords(tokenizer_of(kind))
    assert [partial for partial in (*known, *unknown) if words.begins_word(partial)] == known


def test_an_apostrophe_may_go_on() -> None:
    words = KnownWords(Tokenizer("word", "line", Vocabulary(("don't", "<eos>", "<unk>"))))
    assert words.begins_word("don'")
    assert not words.begins_word("won'")


def test_words_that_are_named_are_the_only_ones(tokenizer_of: Callable[[str], Tokenizer]) -> None:
    words = KnownWords(tokenizer_of("word"), ["abba"])
    assert [words.begins_word(partial) for partial in ("", "ab", "abba", "a,", "ba")] == [
        True,
        True,
        True,
        False,
        False,
    ]
