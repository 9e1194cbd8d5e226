"""Which characters make up words, in the eyes of the word tokenizer."""

from functools import cache, lru_cache

from tokenizers.pre_tokenizers import PreTokenizer

from nextword.text.pieces import pre_tokenizer

APOSTROPHES = "'\u2019"
"""Part of a word where they stand between two of its characters."""


@lru_cache(maxsize=2**14)
def is_word_character(character: str) -> bool:
    """Return whether the word tokenizer takes a character for part of a word: a letter, mark, digit or underscore.

    It is asked itself, since its tables of Unicode and Python's may be of different years.

    Example:
        >>> [is_word_character(character) for character in "é7_,' "]
        [True, True, True, False, False, False]
    """
    return [piece for piece, _ in _cutter().pre_tokenize_str(f"a {character}")] == ["a", character]


def trailing_word(text: str) -> str:
    """Return the word that a text ends with, which may still be going on; empty where it ends with none.

    An apostrophe right after a word belongs to it for the time being: `don'` may become `don't`.

    Example:
        >>> [trailing_word(text) for text in ("I don'", "said 'th", "well, ", "well-kn")]
        ["don'", 'th', '', 'kn']
    """
    start = len(text)
    while start and (is_word_character(text[start - 1]) or _joins(text, start - 1)):
        start -= 1
    return text[start:]


def is_mark(piece: str) -> bool:
    """Return whether a piece of the word tokenizer is a mark rather than a word."""
    return not is_word_character(piece[0])


def _joins(text: str, place: int) -> bool:
    """Return whether an apostrophe stands after a word, and before another of its characters or the end."""
    if text[place] not in APOSTROPHES or place == 0 or not is_word_character(text[place - 1]):
        return False
    return place + 1 == len(text) or is_word_character(text[place + 1])


@cache
def _cutter() -> PreTokenizer:
    return pre_tokenizer("word")
