"""The picture of `return_sequences`: an LSTM layer that gives a vector at every word, or only at the last one."""

from collections.abc import Sequence

from nextword.display.svg import Drawing

_WORDS = ("she", "was", "very", "happy")
_NEXT = ("was", "very", "happy", "to")

_WIDTH, _LEFT, _COLUMN, _BOX = 540.0, 20.0, 84.0, 46.0
_PANEL, _CELLS, _OUT = 286.0, 190.0, 58.0
"""Height of a panel, the middle of its row of cells, and the length of an arrow out of a cell."""


def sequences_picture() -> str:
    """Return the picture as SVG: `return_sequences=True` above, `False` below."""
    drawing = Drawing(
        _WIDTH,
        title="return_sequences: a vector at every word, or at the last one only",
        description=(
            "The same LSTM layer reads “she was very happy” twice. With return_sequences=True it gives one vector at "
            "each of the four words, and the word after each is predicted. With return_sequences=False it gives the "
            "vector at the last word only, so there is one prediction."
        ),
    )
    last = len(_WORDS) - 1
    _draw_panel(drawing, 0, "return_sequences=True", "(B, T, H): one vector at every word", range(last + 1))
    _draw_panel(drawing, _PANEL, "return_sequences=False", "(B, H): the vector at the last word only", [last])
    drawing.height = 2 * _PANEL - 14
    return drawing.to_svg()


def _draw_panel(drawing: Drawing, top: float, title: str, shape: str, outputs: Sequence[int]) -> None:
    drawing.text(_LEFT, top + 26, title, "heading")
    drawing.text(_LEFT, top + 50, f"gives {shape}", "note")
    middle = top + _CELLS
    for step, word in enumerate(_WORDS):
        x = _LEFT + 72 + step * _COLUMN
        drawing.arrow([(x - _COLUMN + _BOX / 2, middle), (x - _BOX / 2, middle)], "state-wire")
        drawing.rect(x - _BOX / 2, middle - _BOX / 2, _BOX, _BOX, "pale", radius=8)
        drawing.text(x, middle + 5, "LSTM", "note", anchor="middle")
        drawing.arrow([(x, middle + _BOX / 2 + 28), (x, middle + _BOX / 2)])
        drawing.text(x, middle + _BOX / 2 + 48, word, "strong", anchor="middle")
        if step in outputs:
            drawing.arrow([(x, middle - _BOX / 2), (x, middle - _BOX / 2 - _OUT)])
            drawing.text(x, middle - _BOX / 2 - _OUT - 10, _NEXT[step], "word", anchor="middle")
        else:
            drawing.line([(x, middle - _BOX / 2), (x, middle - _BOX / 2 - 14)], "wire")
            for sign in (-1, 1):
                y = middle - _BOX / 2 - 14
                drawing.line([(x - 7, y - 6 * sign), (x + 7, y + 6 * sign)], "cut")
    right = _LEFT + 72 + (len(_WORDS) - 1) * _COLUMN + 44
    drawing.text(right, middle - _BOX / 2 - _OUT - 10, "predicted", "note")
    drawing.text(right, middle + _BOX / 2 + 48, "read", "note")
