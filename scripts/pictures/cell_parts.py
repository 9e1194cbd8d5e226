"""Parts of the picture of a cell: equations with the numbers of one unit, and a text in lines with a word marked."""

from collections.abc import Sequence

from harness.picture_text import shortened, text_width
from pictures.drawing import SIZES, Drawing
from pictures.lstm_steps import CellNumbers

_GATES = {
    "f": "σ(x_t W_f + h_{t-1} U_f + b_f)",
    "i": "σ(x_t W_i + h_{t-1} U_i + b_i)",
    "g": "tanh(x_t W_g + h_{t-1} U_g + b_g)",
    "o": "σ(x_t W_o + h_{t-1} U_o + b_o)",
}
_ROW = 29.0


def draw_equations(drawing: Drawing, numbers: CellNumbers, *, top: float, left: float, width: float) -> float:
    """Draw the equations; return the lower edge."""
    right = left + width
    heading = top + 24
    drawing.text(left, heading, "The equations", "strong")
    told = f"unit {numbers.units[numbers.marked]}"
    drawing.rect(right - 84, heading - 18, 84, 25, "marked", radius=5)
    drawing.text(right - 8, heading, told, "label", anchor="end", room=72)
    baseline = heading + 6
    gates = _GATES
    if "m" in numbers.now:
        gates = {
            "m": "2σ(x_t R + r) ⊙ h_{t-1}",
            **{name: each.replace("h_{t-1}", "m") for name, each in _GATES.items()},
        }
    for symbol, formula in gates.items():
        baseline += _ROW
        drawing.math(left, baseline, f"{symbol} = {formula}")
        _draw_value(drawing, right, baseline, numbers.of_marked(symbol))
    for left_side, formula, worked in _sums(numbers):
        baseline += _ROW
        drawing.math(left, baseline, f"{left_side} = {formula}")
        _draw_value(drawing, right, baseline, worked)
    return baseline + 8


def _sums(numbers: CellNumbers) -> list[tuple[str, str, str]]:
    f, i, g, o, c, h = (numbers.of_marked(name) for name in "figoch")
    before = numbers.of_marked("c_before")
    return [
        ("c_t", "f ⊙ c_{t-1} + i ⊙ g", f"{f} · {_inside(before)} + {i} · {_inside(g)} ≈ {c}"),
        ("h_t", "o ⊙ tanh(c_t)", f"{o} · tanh({c}) ≈ {h}"),
    ]


def _inside(value: str) -> str:
    return f"({value})" if value.startswith("−") else value


def _draw_value(drawing: Drawing, right: float, baseline: float, value: str) -> None:
    drawing.text(right - 8, baseline, value, "label", anchor="end")


_LINE_ROW, _MAX_ROWS = 27.0, 3
_SIZE = SIZES["word"]

Pieces = Sequence[tuple[int, str]]


def draw_word_line(
    drawing: Drawing, pieces: Sequence[str], place: int, *, top: float, left: float, width: float
) -> float:
    """Draw a text, with the piece at `place` marked; return the lower edge.

    Words after that place are pale. Of a long text, only the lines around the word are drawn.
    """
    rows = _rows(pieces, width)
    at = next(index for index, row in enumerate(rows) if row[0][0] <= place <= row[-1][0])
    begin = max(0, min(at - _MAX_ROWS // 2, len(rows) - _MAX_ROWS))
    shown = rows[begin : begin + _MAX_ROWS]
    for index, row in enumerate(shown):
        drawing.spans(left, top + 18 + index * _LINE_ROW, _parts(row, place), "word")
    return top + len(shown) * _LINE_ROW


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
