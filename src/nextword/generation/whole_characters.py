"""Text given out by whole characters, as people see them, however it came.

A character may be several code points, such as a letter and its accents, a flag, or a family of emoji joined by U+200D,
and each of them may be a token of its own. (Unicode Standard Annex 29, extended grapheme clusters.)
"""

from collections.abc import Iterable, Iterator

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from nextword.text.vocabulary import Vocabulary

_CHARACTERS = Split(Regex(r"\X"), "isolated")

_OPEN = ("a", "\N{REGIONAL INDICATOR SYMBOL LETTER A}", "\N{HANGUL CHOSEONG KIYEOK}", "\N{WOMAN}\u200d")
"""Characters that others may join: any base, half a flag, a Hangul syllable begun, and an emoji before a joiner."""


def characters_of(text: str) -> list[str]:
    r"""Cut a text into characters.

    Example:
        >>> len(characters_of("e\u0301te\u0301"))
        3
    """
    return [character for character, _ in _CHARACTERS.pre_tokenize_str(text)]


def may_join(vocabulary: Vocabulary) -> bool:
    """Return whether any token begins with what belongs to the character before it."""
    firsts = {token[0] for token in vocabulary.tokens}
    return any(len(characters_of(base + first)) == 1 for first in firsts for base in _OPEN)


def whole_characters(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a text that comes in pieces, keeping its last character back until the next has begun."""
    held = ""
    for piece in pieces:
        *complete, last = characters_of(held + piece) or [""]
        if complete:
            yield "".join(complete)
        held = last
    if held:
        yield held
