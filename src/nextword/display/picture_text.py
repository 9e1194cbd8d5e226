"""Text in a picture: how many words, and how wide they are.

Widths are estimated from above, because a picture is drawn with the fonts of its reader.
"""

import unicodedata
from functools import cache

from nextword.errors import SettingError, printable

ELLIPSIS = "…"

# Upper bounds of the advance widths in DejaVu Sans, which is wider than the fonts that systems use by default.
_WIDTHS = {
    0.30: "'IJijl",
    0.34: " ,./\\|:;",
    0.42: "!()[]-ftr",
    0.56: '*_`"sz?cL',
    0.62: "FkvxyTYoae",
    0.66: "P$0123456789{}hnuSbdgpqE",
    0.70: "KAVXZBRC",
    0.79: "UNHDG&OQ",
    0.84: "w#+<=>^~",
    1.00: "Mm%W@",
}
_WIDTH_OF = {character: width for width, characters in _WIDTHS.items() for character in characters}
_KNOWN = {"…": 1.0, "–": 0.5, "“": 0.52, "”": 0.52, "’": 0.32, "·": 0.32, "×": 0.84, "⊙": 0.84, "−": 0.84}
_UNKNOWN = 1.15
_BOLD, _ACCENT = 0.11, 0.1


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return an upper bound of the width of a text."""
    return size * sum(_advance(character, bold) for character in text)


def shortened(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Return a text, or its beginning with an ellipsis if it is wider than `room`; empty if nothing fits."""
    if text_width(text, size, bold=bold) <= room:
        return text
    kept = ""
    for character in text:
        if text_width(kept + character + ELLIPSIS, size, bold=bold) > room:
            break
        kept += character
    if kept:
        return kept.rstrip() + ELLIPSIS
    return ELLIPSIS if text_width(ELLIPSIS, size, bold=bold) <= room else ""


@cache
def _advance(character: str, bold: bool) -> float:
    extra = _BOLD if bold else 0.0
    if unicodedata.combining(character):
        return 0.0
    if character in _WIDTH_OF or character in _KNOWN:
        return (_WIDTH_OF.get(character) or _KNOWN[character]) + extra
    base = unicodedata.normalize("NFD", character)[0]
    if base != character and base in _WIDTH_OF:
        return _WIDTH_OF[base] + _ACCENT + extra
    return _UNKNOWN + extra


def words_of(text: str, *, at_least: int, at_most: int, what: str) -> list[str]:
    """Return the words of a text, between white space."""
    words = [printable(word) for word in text.split()]
    if not at_least <= len(words) <= at_most:
        raise SettingError(
            f"{what} needs {at_least} to {at_most} words, but the text has {len(words)}; give a "
            f"{'longer' if len(words) < at_least else 'shorter'} one"
        )
    return words
