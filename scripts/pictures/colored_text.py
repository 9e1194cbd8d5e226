"""A text with a color behind each word: a unit's cell while it reads, or how much the words surprised a model."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.picture_text import shortened, text_width
from nextword.bundle.bundle import Bundle
from nextword.errors import printable
from pictures.drawing import SIZES, Drawing
from pictures.lstm_steps import LSTMSteps, signed

BITS = (2, 5, 8, 12)
"""From how many bits on a word has the first, second, third and fourth shade."""

_WIDTH, _LEFT, _PADDING, _GAP = 540.0, 8.0, 5.0, 2.0
_WORD_HEIGHT, _BAR, _LINE_GAP = 26.0, 10.0, 12.0
_NUM_SHADES = len(BITS)


@dataclass(frozen=True)
class ColoredWord:
    """A word with its color."""

    word: str  # what is written
    look: str  # the classes of the rectangle behind it; empty for none
    tip: str  # what a pointer over it shows
    bar: float | None = None  # height of the bar below, 0 to 1; `None` for none
    below: str = ""  # what is written below


class PredictedWord(NamedTuple):
    """A word of a text, the word that the model expected, and the surprisal in bits."""

    actual: str
    predicted: str
    bits: float


def draw_unit(bundle: Bundle, text: str, unit: int, layer: int = 1) -> Drawing:
    """Draw a text colored by the cell of one unit of an LSTM, with its forget gate below each word.

    The layers are counted from 1, the units from 0.

    Source:
        Karpathy, Johnson and Fei-Fei (2015), Visualizing and Understanding Recurrent Networks.
    """
    tokenizer = bundle.tokenizer
    ids = tokenizer.encode(text)
    steps = LSTMSteps.of_model(bundle, [tokenizer.vocabulary.end_id, *ids], layer)
    cells, gates = steps.c[1:, unit], steps.f[1:, unit]
    reach = max(1.0, float(np.abs(cells).max()))
    words = []
    for token, cell, gate in zip(ids, cells.tolist(), gates.tolist(), strict=True):
        shade = min(_NUM_SHADES, int(abs(cell) / reach * 5))
        look = f"{'positive' if cell > 0 else 'negative'} s{shade}" if shade else ""
        word = tokenizer.display(token)
        tip = f"{word}: cell {signed(cell)}, forget gate {signed(gate)}"
        words.append(ColoredWord(word, look, tip, bar=gate))
    drawing = Drawing(
        _WIDTH,
        title=f"A text colored by the cell of unit {unit} of layer {layer} while the model {bundle.name} reads it",
        description=" ".join(f"{shown.word} ({shown.tip.partition(': ')[2]})" for shown in words[:60]),
    )
    note = f"model {bundle.name}; color: its cell, bar below: its forget gate"
    looks = {"positive s4": "cell above 0", "negative s4": "cell below 0", "gate": "forget gate: full keeps all"}
    _draw(drawing, f"Unit {unit} of layer {layer} reads", note, looks, words)
    return drawing


def draw_surprisal(words: Sequence[PredictedWord], model: str) -> Drawing:
    """Draw a text colored by the surprisal of its words; below each wrong guess stands what the model expected."""
    colored = [
        ColoredWord(
            printable(word.actual),
            f"bits{bisect_right(BITS, word.bits)}" if word.bits >= BITS[0] else "",
            f"{word.actual}: {word.bits:.1f} bits, expected {word.predicted}",
            below="" if word.actual == word.predicted else printable(word.predicted),
        )
        for word in words
    ]
    drawing = Drawing(
        _WIDTH,
        title=f"A text colored by how much each word surprised the model {model}",
        description=" ".join(f"{word.actual} ({word.bits:.0f} bits)" for word in words[:100]),
    )
    note = f"model {model}; below a word: its first guess, if that was another"
    looks = {f"bits{step}": f"from {bits} bits" for step, bits in enumerate(BITS, 1)}
    _draw(drawing, "How much each word surprised the model", note, looks, colored)
    return drawing


def _draw(drawing: Drawing, heading: str, note: str, looks: Mapping[str, str], words: Sequence[ColoredWord]) -> None:
    x, room, top = _LEFT, _WIDTH - 2 * _LEFT, 86.0
    drawing.text(_LEFT, 24, heading, "heading")
    drawing.text(_LEFT, 46, note, "note", room=room)
    drawing.legend(_LEFT, 70, looks)
    below = SIZES["note"] + 5 if any(word.below for word in words) else 0.0
    height = _WORD_HEIGHT + below + (_BAR if any(word.bar is not None for word in words) else 0.0)
    for word in words:
        shown = shortened(word.word, room - 2 * _PADDING, SIZES["word"])
        guess = shortened(word.below, room - 2 * _PADDING, SIZES["note"])
        width = max(text_width(shown, SIZES["word"]), text_width(guess, SIZES["note"])) + 2 * _PADDING
        if x + width > _WIDTH - _LEFT and x > _LEFT:
            x, top = _LEFT, top + height + _LINE_GAP
        if word.look:
            drawing.rect(x, top, width, _WORD_HEIGHT, word.look, radius=3)
        drawing.text(x + width / 2, top + 18, shown, "word", anchor="middle")
        if word.bar is not None:
            drawing.rect(x, top + _WORD_HEIGHT + 2, width, _BAR - 2, "track")
            filled = (_BAR - 2) * word.bar
            drawing.rect(x, top + _WORD_HEIGHT + _BAR - filled, width, filled, "gate")
        if guess:
            drawing.text(x + width / 2, top + _WORD_HEIGHT + 15, guess, "note", anchor="middle")
        drawing.rect(x, top, width, height, "over", tip=word.tip)
        x += width + _GAP
    drawing.height = top + height + 10
