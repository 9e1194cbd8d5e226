"""The equations of an LSTM beside the numbers of one unit."""

from nextword.display.pictures.cell.cell_numbers import CellNumbers
from nextword.display.svg import Drawing

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
    for symbol, formula in _GATES.items():
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
