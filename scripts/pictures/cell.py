"""The cell of an LSTM at one word of a text, its gates lit by their values in a trained model."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.errors import printable
from nextword.text.tokens.tokenizer import Tokenizer
from pictures.cell_parts import draw_equations, draw_word_line
from pictures.drawing import Drawing
from pictures.lstm_steps import CellNumbers, LSTMSteps

_WIDTH, _BOX_WIDTH = 540.0, 94.0
_CELL_LINE, _GATES, _BUS, _BOTTOM = 112.0, 240.0, 356.0, 388.0
"""Heights of the line of the cell, of the tops of the gates, of the wire to the gates, and of the boxes below."""

_GATE_CENTERS = {"f": 162.0, "i": 263.0, "g": 364.0, "o": 477.0}
_NAMES = {"f": "forget", "i": "input", "g": "candidate", "o": "output"}
_LEFT, _RIGHT = 57.0, 477.0
_PRODUCT_X, _PRODUCT_Y, _OUTPUT_Y = 313.5, 184.0, 204.0

STRIP_WIDTH, STRIP_HEIGHT = 80.0, 40.0


@dataclass(frozen=True)
class CellView:
    """What of a model the picture shows."""

    word: int | None = None  # number of the word, the first is 1; `None` for the last
    layer: int = 1  # number of the layer, the first is 1
    num_units: int = 10  # how many units are drawn, those that change most over the text
    # Number of a unit to draw with them and to mark, the first is 0; by default, of those drawn, the unit whose cell
    # changes most at the word.
    unit: int | None = None


def draw_cell(bundle: Bundle, text: str, view: CellView = CellView()) -> Drawing:
    """Draw the cell at one word of a text.

    The layers run in float64 over `<eos>` and the words, as for a text that begins. Weights in int8 are dequantized.
    """
    tokenizer = bundle.tokenizer
    ids = tokenizer.encode(text)
    word = len(ids) if view.word is None else view.word
    steps = LSTMSteps.of_model(bundle, [tokenizer.vocabulary.end_id, *ids], view.layer)
    numbers = CellNumbers.of(steps, word, _units(steps, view), view.unit)
    return _draw(bundle, view.layer, numbers, ids, word - 1)


def _units(steps: LSTMSteps, view: CellView) -> list[int]:
    if view.unit is None:
        return steps.liveliest(view.num_units)
    others = [unit for unit in steps.liveliest(view.num_units) if unit != view.unit]
    return sorted([view.unit, *others[: view.num_units - 1]])


def _pieces(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    """Return each token as decoding writes it after those before it."""
    texts = [tokenizer.decode(ids[:count]) for count in range(len(ids) + 1)]
    return [printable(after[len(before) :]) for before, after in itertools.pairwise(texts)]


def _draw(bundle: Bundle, layer: int, numbers: CellNumbers, ids: list[int], place: int) -> Drawing:
    shown = bundle.tokenizer.display(ids[place])
    word = f"the word “{shown}”" if any(map(str.isalnum, shown)) else f"the mark {shown}"
    pieces = _pieces(bundle.tokenizer, ids)
    size = bundle.architecture.hidden_sizes[layer - 1]
    drawing = Drawing(
        _WIDTH,
        title=f"The LSTM cell at {word}",
        description=(
            f"Layer {layer} of the model {bundle.name}, with the values of {len(numbers.units)} of its {size} "
            f"units. The cell passes from left to right: the forget gate scales what it holds, and the input "
            f"gate scales the candidate that is added. The output gate scales what it shows. {numbers.told}"
        ),
    )
    room = _WIDTH - 16
    drawing.text(8, 24, f"The cell at {word}", "heading", room=room)
    subject = f"model {bundle.name}, layer {layer}: {len(numbers.units)} of {size} units, one bar each"
    drawing.text(8, 46, subject, "note", room=room)
    _draw_wires(drawing)
    _draw_gates(drawing, numbers)
    source = "its row of the embedding" if layer == 1 else f"as layer {layer - 1} passes it on"
    _draw_states(drawing, numbers, word.removeprefix("the "), source)
    marked = f"unit {numbers.units[numbers.marked]}, computed below"
    looks = {"gate": "gate, 0 to 1", "positive": "above 0", "negative": "below 0", "marked": marked}
    drawing.legend(8.0, _BOTTOM + 96, looks)
    bottom = draw_word_line(drawing, pieces, place, top=_BOTTOM + 114, left=8, width=room)
    drawing.height = draw_equations(drawing, numbers, top=bottom + 12, left=8, width=room) + 8
    return drawing


def _draw_wires(drawing: Drawing) -> None:
    f, i, g, o = (_GATE_CENTERS[name] for name in "figo")
    half = _BOX_WIDTH / 2
    drawing.rect(0, 64, _WIDTH, _BUS - 64 + 14, "body", radius=14)
    drawing.arrow([(_LEFT + half, _CELL_LINE), (_RIGHT - half, _CELL_LINE)], "main-wire")
    drawing.arrow([(f, _GATES), (f, _CELL_LINE + 13)])
    drawing.arrow([(i, _GATES), (i, _PRODUCT_Y), (_PRODUCT_X - 13, _PRODUCT_Y)])
    drawing.arrow([(g, _GATES), (g, _PRODUCT_Y), (_PRODUCT_X + 13, _PRODUCT_Y)])
    drawing.arrow([(_PRODUCT_X, _PRODUCT_Y), (_PRODUCT_X, _CELL_LINE + 13)])
    drawing.arrow([(o, _CELL_LINE + 30), (o, _OUTPUT_Y - 13)])
    drawing.arrow([(o, _GATES), (o, _OUTPUT_Y + 13)])
    right = _WIDTH - 5
    out = [(o, _OUTPUT_Y), (right, _OUTPUT_Y), (right, _BOTTOM - 16), (o, _BOTTOM - 16), (o, _BOTTOM)]
    drawing.arrow(out, "state-wire")
    drawing.line([(_LEFT, _BOTTOM), (_LEFT, _BUS), (o, _BUS)], "wire")
    drawing.line([(_PRODUCT_X, _BOTTOM), (_PRODUCT_X, _BUS)], "wire")
    drawing.circle(_PRODUCT_X, _BUS, 4.5, "dot")
    for x in (f, i, g, o):
        drawing.arrow([(x, _BUS), (x, _GATES + 100)])
    for x, y, sign in (
        (f, _CELL_LINE, "×"),
        (_PRODUCT_X, _CELL_LINE, "+"),
        (_PRODUCT_X, _PRODUCT_Y, "×"),
        (o, _OUTPUT_Y, "×"),
    ):
        drawing.circle(x, y, 13, "joint")
        drawing.text(x, y + 6, sign, "sign", anchor="middle")
    drawing.rect(o - 24, _CELL_LINE + 42, 48, 22, "joint", radius=11)
    drawing.text(o, _CELL_LINE + 58, "tanh", "label", anchor="middle")


def _draw_gates(drawing: Drawing, numbers: CellNumbers) -> None:
    for symbol, x in _GATE_CENTERS.items():
        left = x - _BOX_WIDTH / 2
        drawing.rect(left, _GATES, _BOX_WIDTH, 80, "box", radius=8)
        drawing.text(x, _GATES + 20, _NAMES[symbol], "label", anchor="middle", room=_BOX_WIDTH - 4)
        values = numbers.now[symbol]
        strip = Strip(symbol, values, numbers.units, is_gate=symbol != "g", marked=numbers.marked)
        strip.draw(drawing, left + (_BOX_WIDTH - STRIP_WIDTH) / 2, _GATES + 31)
        half = 22 if symbol == "g" else 16
        drawing.rect(x - half, _GATES + 70 + 10, 2 * half, 20, "joint", radius=10)
        drawing.text(x, _GATES + 95, "tanh" if symbol == "g" else "σ", "label", anchor="middle")
        drawing.math(x + 8, _GATES - 8, symbol)


def _draw_states(drawing: Drawing, numbers: CellNumbers, word: str, source: str) -> None:
    top = _CELL_LINE - 36
    for x, name, values, reach in (
        (_LEFT, "c_{t-1}", numbers.c_before, numbers.reach),
        (_RIGHT, "c_t", numbers.now["c"], numbers.reach),
    ):
        _draw_state(drawing, x, top, name, values, numbers, reach=reach)
    for symbol, says, baseline in (("c", "memory", 214), ("h", "output", 242)):
        drawing.math(18, baseline, symbol, "math quiet")
        drawing.text(36, baseline, says, "note", room=72)
    _draw_state(drawing, _LEFT, _BOTTOM, "h_{t-1}", numbers.h_before, numbers, reach=1.0)
    _draw_state(drawing, _RIGHT, _BOTTOM, "h_t", numbers.now["h"], numbers, reach=1.0)
    left, width = _LEFT + _BOX_WIDTH / 2 + 12, _RIGHT - _LEFT - _BOX_WIDTH - 24
    drawing.rect(left, _BOTTOM, width, 72, "pale", radius=8)
    drawing.math(left + 12, _BOTTOM + 30, "x_t")
    drawing.text(left + 44, _BOTTOM + 30, word, "strong", room=width - 56)
    drawing.text(left + 44, _BOTTOM + 54, source, "note", room=width - 56)


def _draw_state(
    drawing: Drawing,
    x: float,
    top: float,
    name: str,
    values: NDArray[np.float64],
    numbers: CellNumbers,
    *,
    reach: float,
) -> None:
    left = x - _BOX_WIDTH / 2
    drawing.rect(left, top, _BOX_WIDTH, 72, "box", radius=8)
    drawing.math(left + 8, top + 19, name)
    drawing.text(left + _BOX_WIDTH - 8, top + 18, f"±{reach:g}", "note", anchor="end")
    strip = Strip(
        name.replace("_{t-1}", " before").replace("_t", ""),
        values,
        numbers.units,
        is_gate=False,
        reach=reach,
        marked=numbers.marked,
    )
    strip.draw(drawing, left + (_BOX_WIDTH - STRIP_WIDTH) / 2, top + 72 - STRIP_HEIGHT - 6)


@dataclass(frozen=True)
class Strip:
    """The values of some units, drawn as bars."""

    name: str  # what they are, for the tips
    values: NDArray[np.float64]  # one for each unit
    units: Sequence[int]  # the numbers of the units
    is_gate: bool  # whether values are from 0 to 1; others have a sign
    reach: float = 1.0  # the value of a bar at full height
    marked: int | None = None  # index of the unit that stands out; `None` for none

    def draw(self, drawing: Drawing, left: float, top: float) -> None:
        """Draw the strip, `STRIP_WIDTH` wide and `STRIP_HEIGHT` high."""
        pitch = STRIP_WIDTH / len(self.values)
        gap = min(2.0, 0.25 * pitch)
        for index, (unit, value) in enumerate(zip(self.units, self.values.tolist(), strict=True)):
            x = left + index * pitch
            tip, is_marked = f"unit {unit}: {self.name} = {value:.3f}", index == self.marked
            if is_marked:
                drawing.rect(x - gap / 2, top - 5, pitch, STRIP_HEIGHT + 10, "marked", radius=2)
            else:
                drawing.rect(x, top, pitch - gap, STRIP_HEIGHT, "track")
            self._draw_bar(drawing, x, top, pitch - gap, value)
            drawing.rect(x - gap / 2, top - 5, pitch, STRIP_HEIGHT + 10, "over", tip=tip)
        if not self.is_gate:
            middle = top + STRIP_HEIGHT / 2
            drawing.line([(left - 2, middle), (left + STRIP_WIDTH, middle)], "zero")

    def _draw_bar(self, drawing: Drawing, x: float, top: float, width: float, value: float) -> None:
        share = min(1.0, abs(value) / self.reach)
        if self.is_gate:
            drawing.rect(x, top + STRIP_HEIGHT * (1 - share), width, STRIP_HEIGHT * share, "gate")
            return
        half = STRIP_HEIGHT / 2
        kind, begin = ("positive", half * (1 - share)) if value >= 0 else ("negative", half)
        drawing.rect(x, top + begin, width, half * share, kind)
