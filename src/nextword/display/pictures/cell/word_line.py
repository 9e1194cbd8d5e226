"""A text in lines, with one of its words marked."""

from collections.abc import Sequence

from nextword.display.svg import SIZES, Drawing
from nextword.display.text_width import shortened, text_width

_ROW, _MOST_ROWS = 27.0, 3
_SIZE = SIZES["word"]

Pieces = Sequence[tuple[int, str]]


def draw_word_line(
    drawing: Drawing, pieces: Sequence[str], place: int, *, top: float, left: float, width: float
) -> float:
    """Draw a text, with the piece at `place` marked; return the lower edge.

    Args:
        drawing: The picture.
        pieces: The words, each with the space before it.
        place: Which of them is marked; those after it are pale.
        top: The upper edge.
        left: The left edge.
        width: Width of a line. Of a long text, only the lines around the word are drawn.
    """
    rows = _rows(pieces, width)
    at = next(index for index, row in enumerate(rows) if row[0][0] <= place <= row[-1][0])
    begin = max(0, min(at - _MOST_ROWS // 2, len(rows) - _MOST_ROWS))
    shown = rows[begin : begin + _MOST_ROWS]
    for index, row in enumerate(shown):
        drawing.spans(left, top + 18 + index * _ROW, _parts(row, place), "word")
    return top + len(shown) * _ROW


def _parts(row: Pieces, place: int) -> list[tuple[str, str]]:
    """Return the text before the word, the word without spaces around it, and the text after it, with their classes."""
    before = "".join(piece for number, piece in row if number < place)
    now = "".join(piece for number, piece in row if number == place)
    after = "".join(piece for number, piece in row if number > place)
    word = now.strip(" ") or now
    begin = now.index(word)
    return [(before + now[:begin], "read"), (word, "now"), (now[begin + len(word) :] + after, "quiet")]


def _rows(pieces: Sequence[str], width: float) -> list[list[tuple[int, str]]]:
    """Return rows of numbered pieces that fit, also in bold; the first of a row has no space before it."""
    rows: list[list[tuple[int, str]]] = [[]]
    used = 0.0
    for place, piece in enumerate(pieces):
        if rows[-1] and used + text_width(piece, _SIZE, bold=True) > width:
            rows.append([])
            used = 0.0
        shown = piece if rows[-1] else shortened(piece.lstrip(" ") or piece, width, _SIZE, bold=True)
        rows[-1].append((place, shown))
        used += text_width(shown, _SIZE, bold=True)
    return rows
