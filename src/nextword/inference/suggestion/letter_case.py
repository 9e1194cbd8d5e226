"""Rules for capital letters."""

from collections.abc import Iterable

from nextword.text.tokens.vocabulary import END

_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_QUOTES = frozenset("\"'\u2018\u2019\u201c\u201d\u00ab\u00bb()[]{}")
_MAX_CAPITALIZED = 0.01


def is_lower_cased(words: Iterable[str]) -> bool:
    """Return whether a vocabulary has no capitals: at most 1 % of its words with letters have one."""
    lettered = [word for word in words if word.lower() != word.upper()]
    return sum(word != word.lower() for word in lettered) <= _MAX_CAPITALIZED * len(lettered)


def capitalized(word: str) -> str:
    """Return a word with its first letter capitalized."""
    return word[:1].upper() + word[1:]


def folded(word: str) -> str:
    """Return a word without differences of case, and with straight apostrophes."""
    return word.casefold().replace("\u2019", "'")


def in_case_of(typed: str, word: str) -> str:
    """Return a word in the case of its typed prefix, unchanged, capitalized or in capitals, and with its apostrophes.

    Example:
        >>> [in_case_of(typed, "the") for typed in ("t", "T", "Th", "TH")]
        ['the', 'The', 'The', 'THE']
        >>> in_case_of("mcd", "McDonald")
        'McDonald'
        >>> in_case_of("don'", "don\u2019t")
        "don't"
    """
    if "'" in typed:
        word = word.replace("\u2019", "'")
    elif "\u2019" in typed:
        word = word.replace("'", "\u2019")
    if typed.isupper() and sum(letter.isupper() for letter in typed) > 1:
        return word.upper()
    return capitalized(word) if typed[:1].isupper() else word


def begins_sentence(backwards: Iterable[str]) -> bool:
    """Return whether the next word begins a sentence: at the start, after a line end, or after `.`, `!` or `?`.

    Quotes, brackets and spaces in between are ignored.

    Example:
        >>> begins_sentence([]), begins_sentence(['" ', ".", "no"]), begins_sentence([", ", "no"])
        (True, True, False)
    """
    for piece in backwards:
        mark = piece.strip(" ")
        if mark == END or (mark and all(character in _ENDS | _QUOTES for character in mark) and _ENDS & set(mark)):
            return True
        if not _QUOTES.issuperset(mark):
            return False
    return True
