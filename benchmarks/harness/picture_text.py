"""Text and numbers in a picture: how wide words are, and how numbers are written.

Widths are estimated from above, because a picture is drawn with the fonts of its reader.
"""

import unicodedata
from functools import cache

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


def number(value: float) -> str:
    """Return a number with at most two decimals."""
    shown = f"{value + 1e-9:.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
