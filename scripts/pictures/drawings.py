"""Drawings of the course without numbers: layers over time, `return_sequences`, truncation, an encoder-decoder."""

import itertools
from collections.abc import Sequence

from pictures.drawing import Drawing

_WIDTH = 540.0

_WORDS = ("she", "was", "very", "happy")
_NEXT = ("was", "very", "happy", "to")

_LEFT, _COLUMN, _BOX = 20.0, 84.0, 46.0
_PANEL, _CELLS, _OUT = 286.0, 190.0, 58.0
"""Height of a panel, the middle of its row of cells, and the length of an arrow out of a cell."""


def layers_drawing(words: Sequence[str] = ("she", "was", "very", "happy", "to")) -> str:
    """Draw two LSTM layers unrolled over a text, with the tensor after each layer."""
    steps = len(words) - 1
    drawing = Drawing(
        _WIDTH,
        title="Two LSTM layers unrolled over a text, with the tensor after each layer",
        description=f"Columns for the words {', '.join(words[:-1])}. From below: an id, its embedding, two LSTM layers "
        "and a softmax, which predicts the next word. Arrows from left to right carry the state of each LSTM layer.",
    )
    levels = (
        (64, "softmax", "(B, T, V)"),
        (154, "LSTM 2", "(B, T, H₂)"),
        (244, "LSTM 1", "(B, T, H₁)"),
        (334, "embed", "(B, T, E)"),
    )
    left, pitch, half, width = 58.0, 100.0, 21.0, 80.0
    for y, name, shape in levels:
        for step in range(steps):
            x = left + step * pitch
            is_lstm = name.startswith("LSTM")
            drawing.rect(x - width / 2, y - half, width, 2 * half, "pale" if is_lstm else "box", radius=8)
            drawing.text(x, y + 5, name, "label", anchor="middle", room=width - 4)
            drawing.arrow([(x, y - half), (x, y - (90 - half if y > 64 else 34))])
            if is_lstm:
                to = x + pitch - width / 2 if step < steps - 1 else x + width / 2 + 24
                drawing.arrow([(x + width / 2, y), (to, y)], "state-wire")
        drawing.text(_WIDTH - 8, y - half - 10, shape, "label on", anchor="end")
    for step, (word, following) in enumerate(itertools.pairwise(words)):
        x = left + step * pitch
        drawing.text(x, 22, following, "word", anchor="middle")
        drawing.arrow([(x, 400), (x, 334 + half)])
        drawing.text(x, 422, word, "strong", anchor="middle")
    drawing.text(_WIDTH - 8, 390, "(B, T) ids", "label on", anchor="end")
    drawing.text(8, 456, "Right: the shape of the tensor. Arrows to the right: hidden state and cell.", "note")
    drawing.text(8, 476, "Each row of boxes is one layer, used once a word with the same weights.", "note")
    drawing.height = 490
    return drawing.to_svg()


def truncation_drawing() -> str:
    """Draw two windows: the state passes from one to the next, and the gradient stops between them."""
    drawing = Drawing(
        _WIDTH,
        title="Truncated backpropagation: the state continues, the gradient stops",
        description="Two windows of three words. An arrow carries the state from left to right through both. Arrows of "
        "the gradient go from the losses to the left, and end at the left edge of each window.",
    )
    box, pitch, y = 56.0, 78.0, 140.0
    lefts = (28.0, 290.0)
    words = ("she", "was", "very", "happy", "to", "see")
    for window, left in enumerate(lefts):
        drawing.rect(left - 14, 34, 2 * pitch + box + 28, 208, "body", radius=12)
        drawing.text(left, 26, f"window {window + 1}", "strong")
    for window, left in enumerate(lefts):
        for step in range(3):
            x = left + step * pitch
            middle, top = x + box / 2, y - box / 2
            drawing.text(middle, 58, "loss", "label", anchor="middle")
            drawing.arrow([(middle - 8, top), (middle - 8, 66)])
            drawing.arrow([(middle + 10, 66), (middle + 10, top)], "back-wire")
            drawing.rect(x, top, box, box, "pale", radius=8)
            drawing.text(middle, y + 5, "LSTM", "label", anchor="middle")
            drawing.arrow([(middle, 208), (middle, y + box / 2)])
            drawing.text(middle, 228, words[3 * window + step], "word", anchor="middle")
            end = x + pitch if step < 2 else lefts[1] if window == 0 else x + box + 26
            drawing.arrow([(x + box, y - 12), (end, y - 12)], "state-wire")
            if step:
                drawing.arrow([(x, y + 14), (x - pitch + box, y + 14)], "back-wire")
        drawing.line([(left, y + 14), (left - 16, y + 14)], "back-wire")
        for sign in (-1, 1):
            drawing.line([(left - 22, y + 14 - 7 * sign), (left - 10, y + 14 + 7 * sign)], "cut")
    drawing.arrow([(8, 268), (50, 268)], "state-wire")
    drawing.text(60, 273, "state: continues from window to window", "label")
    drawing.arrow([(50, 296), (8, 296)], "back-wire")
    drawing.text(60, 301, "gradient: goes back to the edge of its window, and stops", "label")
    drawing.height = 316
    return drawing.to_svg()


def encoder_drawing() -> str:
    """Draw an encoder-decoder with attention from one word of the decoder to all words of the encoder."""
    source, target = ("the", "cat", "sleeps", "<eos>"), ("<eos>", "die", "Katze", "schläft")
    weights = (0.06, 0.14, 0.72, 0.08)
    drawing = Drawing(
        _WIDTH,
        title="An encoder-decoder, and attention from one word to the source",
        description="The encoder reads “the cat sleeps”; its last state is the first of the decoder, which writes "
        "“die Katze schläft”. At “schläft” attention weighs the states of the encoder, most of all that at “sleeps”.",
    )
    box, pitch, y = 60.0, 66.0, 200.0
    lefts = (6.0, 276.0)
    drawing.text(lefts[0], 26, "encoder: reads", "strong")
    drawing.text(lefts[1], 26, "decoder: writes", "strong")
    looks = lefts[1] + 2 * pitch + box / 2
    for index, weight in enumerate(weights):
        x = lefts[0] + index * pitch + box / 2
        drawing.path(f"M{looks} {y - 32}Q{(x + looks) / 2} 50 {x} {y - 32}", f"look w{1 + int(4 * weight)}")
    for left, words in zip(lefts, (source, target), strict=True):
        for index, word in enumerate(words):
            x = left + index * pitch
            is_read = left == lefts[0]
            drawing.rect(x, y - 30, box, 60, "pale", radius=8)
            drawing.text(x + box / 2, y - 4 if is_read else y + 5, "LSTM", "label", anchor="middle")
            if is_read:
                drawing.text(x + box / 2, y + 18, f"{weights[index]:.2f}", "note hue-blue", anchor="middle")
            drawing.arrow([(x + box / 2, y + 66), (x + box / 2, y + 30)])
            drawing.text(x + box / 2, y + 86, word, "word", anchor="middle", room=pitch)
            if index < len(words) - 1 or is_read:
                drawing.arrow([(x + box, y), (x + pitch if index < len(words) - 1 else lefts[1], y)], "state-wire")
    for index, word in enumerate((*target[1:], "<eos>")):
        x = lefts[1] + index * pitch + box / 2
        drawing.text(x, 60, word, "word", anchor="middle", room=pitch)
        drawing.arrow([(x, y - 30), (x, 70)])
    drawing.text(8, 318, "Without attention, the decoder gets only the encoder's last state.", "note")
    drawing.text(8, 338, "With it, each word looks at all states. These weights are invented.", "note")
    drawing.height = 350
    return drawing.to_svg()


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
