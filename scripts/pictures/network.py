"""A recurrent network as a loop, and the same network unrolled over the words of a text."""

from harness.picture_text import number
from pictures.drawing import Drawing

_TEXT = "she was very happy to see"

_COLUMN, _BOX = 100.0, 58.0
_LEFT, _OUT = 20.0, 30.0
_LOOP_Y, _CHAIN_Y = 148.0, 416.0
"""Heights of the middle of the box with the loop, and of the row of boxes."""


def draw_network(text: str = _TEXT) -> Drawing:
    """Draw a recurrent network with its loop, and unrolled over a text.

    Each of the 2 to 12 words but the last is an input, and each but the first is the word to predict.
    """
    words = text.split()
    num_steps = len(words) - 1
    drawing = Drawing(
        max(540.0, 2 * _LEFT + _OUT + num_steps * _COLUMN),
        title="A recurrent network, and the same network unrolled over a text",
        description=(
            "Above, one box with an arrow from itself to itself. Below, the same box once for each word, with an arrow "
            f"from each to the next. It reads “{' '.join(words[:-1])}” and is to predict the next word at each step."
        ),
    )
    drawing.height = 592
    _draw_loop(drawing)
    _draw_chain(drawing, words)
    return drawing


def _draw_loop(drawing: Drawing) -> None:
    x = _LEFT + 56
    right, out, back = x + _BOX / 2, _LOOP_Y - 15, _LOOP_Y + 15
    far = right + 42
    drawing.text(_LEFT, 26, "A recurrent network", "heading")
    drawing.path(
        f"M{number(right)} {number(out)}H{number(far - 15)}Q{number(far)} {number(out)} {number(far)} {number(_LOOP_Y)}"
        f"Q{number(far)} {number(back)} {number(far - 15)} {number(back)}",
        "state-wire",
    )
    drawing.arrow([(far - 15, back), (right, back)], "state-wire")
    drawing.math(far + 7, _LOOP_Y + 5, "h_t", "math on")
    _draw_cell(drawing, x, _LOOP_Y, "x_t", "y_t")
    says = (
        ("x_t", "the word that it reads"),
        ("h_t", "its state: what it keeps of the words,"),
        ("", "and reads again with the next one"),
        ("y_t", "its prediction of the next word, from h"),
    )
    for row, (symbol, meaning) in enumerate(says):
        baseline = _LOOP_Y - 34 + 27 * row
        drawing.math(far + 48, baseline, symbol, "math on" if symbol == "h_t" else "math")
        drawing.text(far + 78, baseline, meaning, "label")


def _draw_chain(drawing: Drawing, words: list[str]) -> None:
    num_steps = len(words) - 1
    drawing.text(_LEFT, 272, "The same network, unrolled over the words", "heading")
    begin = _LEFT + (drawing.width - 2 * _LEFT - _OUT - num_steps * _COLUMN) / 2
    for step in range(1, num_steps + 1):
        x = begin + (step - 0.5) * _COLUMN
        left = x - _COLUMN + _BOX / 2
        drawing.arrow([(left, _CHAIN_Y), (x - _BOX / 2, _CHAIN_Y)], "state-wire")
        drawing.math((left + x - _BOX / 2) / 2 - 4, _CHAIN_Y - 11, f"h_{step - 1}", "math on", anchor="middle")
        _draw_cell(drawing, x, _CHAIN_Y, f"x_{step}", f"y_{step}")
        drawing.text(x, _CHAIN_Y - 105, words[step], "word", anchor="middle", room=_COLUMN - 6)
        drawing.text(x, _CHAIN_Y + 112, words[step - 1], "strong", anchor="middle", room=_COLUMN - 6)
    end = begin + num_steps * _COLUMN - (_COLUMN - _BOX) / 2
    drawing.arrow([(end, _CHAIN_Y), (end + _COLUMN - _BOX, _CHAIN_Y)], "state-wire")
    drawing.math(end + (_COLUMN - _BOX) / 2 - 4, _CHAIN_Y - 11, f"h_{num_steps}", "math on", anchor="middle")
    drawing.text(_LEFT, _CHAIN_Y + 142, "Below: the word read. Above: the next word, which it is to predict.", "note")
    drawing.text(_LEFT, _CHAIN_Y + 164, "All boxes are one network, with the same weights.", "note")


def _draw_cell(drawing: Drawing, x: float, y: float, below: str, above: str) -> None:
    top, bottom = y - _BOX / 2, y + _BOX / 2
    drawing.rect(x - _BOX / 2, top, _BOX, _BOX, "pale", radius=10)
    drawing.text(x, y + 6, "RNN", "strong", anchor="middle")
    drawing.arrow([(x, bottom + 34), (x, bottom)])
    drawing.arrow([(x, top), (x, top - 34)])
    drawing.math(x, bottom + 56, below, anchor="middle")
    drawing.math(x, top - 44, above, anchor="middle")
