"""Drawings of the course with numbers of the sample model: rows of its table, a cell's step, attention, vectors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from documentation.live import SPEECH_UNIT
from harness.picture_text import text_width
from nextword.bundle.bundle import Bundle
from nextword.bundle.origin import Origin
from nextword.bundle.store import read_bundle
from nextword.cli.options.target import target_path
from pictures.drawing import SIZES, Drawing
from pictures.lstm_steps import LSTMSteps

_WIDTH = 540.0
_SENTENCE = "She was very happy."
_REPEATED = "Anne was very happy to see him. She was very"
_THETA = 0.3
_TIMES = "\N{MULTIPLICATION SIGN}"

GROUPS = {
    "people": "Elizabeth Jane Emma Fanny Anne Darcy Knightley",
    "family": "father mother sister brother daughter son aunt",
    "time": "Monday Sunday morning evening night day week",
    "places": "house room park village London Bath",
    "what people do": "walked went came returned thought felt believed",
    "how they are": "happy glad pleased sorry unhappy angry",
}
"""Forty words of the map, by what they mean."""

_HUES = ("blue", "orange", "accent", "violet", "olive", "muted")


def austen() -> Bundle:
    """Return the sample model."""
    return read_bundle(Origin.of(target_path("austen")).bundle)


def _signed_cell(drawing: Drawing, x: float, y: float, width: float, height: float, value: float, reach: float) -> None:
    """Draw a rectangle whose color is a value with a sign."""
    shade = min(4, 1 + int(4 * abs(value) / reach))
    drawing.rect(x, y, width, height, f"{'positive' if value > 0 else 'negative'} s{shade}")


def tokens_drawing() -> str:
    """Draw a text, its tokens, their ids, and the row of each id in the table of the sample model."""
    bundle = austen()
    tokenizer, rows = bundle.tokenizer, 10
    ids = tokenizer.encode(_SENTENCE)
    table = bundle.embeddings()
    drawing = Drawing(
        _WIDTH,
        title="From a text to tokens, ids and rows of a table",
        description=f"“{_SENTENCE}” becomes {len(ids)} tokens with the ids {ids}. Each id is the number of a row in a "
        f"table of {len(table):,} rows with {table.shape[1]} numbers each.",
    )
    left, pitch = 128.0, 80.0
    for says, baseline in (("text", 30), ("tokens", 92), ("ids", 158), ("rows of the", 226), ("table", 246)):
        drawing.text(8, baseline, says, "label quiet")
    drawing.text(left + 2, 30, _SENTENCE, "strong")
    for index, token in enumerate(ids):
        x = left + index * pitch + 34
        drawing.rect(x - 34, 68, 68, 38, "box", radius=8)
        drawing.text(x, 92, tokenizer.display(token), "word", anchor="middle", room=62)
        drawing.arrow([(x, 106), (x, 134)])
        drawing.text(x, 158, str(token), "strong", anchor="middle")
        drawing.arrow([(x, 170), (x, 198)])
        for row, value in enumerate(table[token, :rows].tolist()):
            top = 204 + 20 * row
            _signed_cell(drawing, x - 30, top, 60, 19, value, 0.5)
            drawing.text(x, top + 14, f"{value:.2f}".replace("-", "\N{MINUS SIGN}"), "note read", anchor="middle")
        drawing.text(x, 204 + 20 * rows + 16, "…", "note", anchor="middle")
    drawing.text(8, 204 + 20 * rows + 16, f"{table.shape[1]} numbers", "note")
    note = f"A table of the sample model: {len(table):,} rows, one for each token."
    drawing.text(8, 204 + 20 * rows + 48, note, "note")
    drawing.height = 204 + 20 * rows + 60
    return drawing.to_svg()


def cell_steps_drawing() -> str:
    """Draw a step of the LSTM cell four times, with one part lit each, and the numbers of one unit."""
    bundle, unit, word = austen(), SPEECH_UNIT, 2
    ids = [bundle.tokenizer.vocabulary.end_id, *bundle.tokenizer.encode('"I am very happy," said Anne.')]
    steps = LSTMSteps.of_model(bundle, ids, 1)
    f, i, g, o, c, h = (float(array[word, unit]) for array in (steps.f, steps.i, steps.g, steps.o, steps.c, steps.h))
    before = float(steps.c[word - 1, unit])
    frames = (
        ("1. Forget", "f", "f ⊙ c_{t-1}", f"{f:.2f} · {before:.2f} ≈ {f * before:.2f}", "how much of the cell to keep"),
        ("2. Write", "ig", "i ⊙ g", f"{i:.2f} · {g:.2f} ≈ {i * g:.2f}", "what to add, and how much"),
        (
            "3. Update",
            "c",
            "c_t = f ⊙ c_{t-1} + i ⊙ g",
            f"{f * before:.2f} + {i * g:.2f} ≈ {c:.2f}",
            "the sum is the new cell",
        ),
        ("4. Show", "o", "h_t = o ⊙ tanh(c_t)", f"{o:.2f} · tanh({c:.2f}) ≈ {h:.2f}", "what the next layer sees"),
    )
    drawing = Drawing(
        _WIDTH,
        title="A step of the LSTM cell in four parts: forget, write, update, show",
        description="The same drawing four times with one part lit each, and the numbers of "
        f"unit {unit} at the word “I”: " + "; ".join(f"{name} {numbers}" for name, _, _, numbers, _ in frames),
    )
    for index, (name, lit, formula, numbers, meaning) in enumerate(frames):
        top = 8 + 158.0 * index
        _draw_cell_frame(drawing, top, lit)
        drawing.text(322, top + 28, name, "heading")
        drawing.text(322, top + 52, meaning, "note")
        drawing.math(322, top + 86, formula)
        drawing.text(322, top + 116, numbers, "label on")
    drawing.text(
        8, 8 + 158.0 * 4 + 12, f"Each gate reads the word and the last h. Right: unit {unit} at the word “I”.", "note"
    )
    drawing.height = 8 + 158.0 * 4 + 24
    return drawing.to_svg()


def _draw_cell_frame(drawing: Drawing, top: float, lit: str) -> None:
    """Draw a small cell; `lit` has the letters of the gates, and `c` for the cell, that stand out."""

    def look(part: str) -> str:
        return "state-wire" if part in lit else "wire"

    line, middle, gate = top + 30, top + 68, top + 106
    drawing.rect(0, top, 306, 146, "body", radius=10)
    drawing.arrow([(44, line), (92 - 12, line)], look("f"))
    drawing.arrow([(92, line), (162 - 12, line)], look("f") if "f" in lit else look("c"))
    drawing.arrow([(162, line), (262, line)], look("c"))
    drawing.math(10, line + 6, "c_{t-1}")
    drawing.math(270, line + 6, "c_t", "math on" if "c" in lit else "math")
    drawing.arrow([(92, gate), (92, line + 12)], look("f"))
    drawing.arrow([(136, gate), (136, middle), (150, middle)], look("i"))
    drawing.arrow([(188, gate), (188, middle), (174, middle)], look("g"))
    drawing.arrow([(162, middle), (162, line + 12)], look("i") if "i" in lit else look("c"))
    drawing.arrow([(238, line), (238, middle - 12)], look("o"))
    drawing.arrow([(238, gate), (238, middle + 12)], look("o"))
    drawing.arrow([(238, middle), (262, middle)], look("o"))
    drawing.math(270, middle + 6, "h_t", "math on" if "o" in lit else "math")
    drawing.text(244, line + 20, "tanh", "note")
    for x, y, sign in ((92, line, _TIMES), (162, line, "+"), (162, middle, _TIMES), (238, middle, _TIMES)):
        drawing.circle(x, y, 12, "joint")
        drawing.text(x, y + 6, sign, "sign", anchor="middle")
    for x, symbol in ((92, "f"), (136, "i"), (188, "g"), (238, "o")):
        drawing.rect(x - 18, gate, 36, 28, "pale" if symbol in lit else "box", radius=6)
        drawing.math(x, gate + 20, symbol, "math on" if symbol in lit else "math", anchor="middle")


def attention_drawing() -> str:
    """Draw how strongly the sample model's hidden state at each word resembles the former ones: the cache's weights."""
    bundle = austen()
    tokenizer = bundle.tokenizer
    ids = tokenizer.encode(_REPEATED)
    hidden = LSTMSteps.of_model(bundle, [tokenizer.vocabulary.end_id, *ids], bundle.architecture.num_layers).h[1:]
    shown = [tokenizer.display(token) for token in ids]
    drawing = Drawing(
        _WIDTH,
        title="Which former words the hidden state of the sample model attends to",
        description=f"A heat map for “{_REPEATED}”. The second “very” attends to the first with 0.98.",
    )
    left, top, size = 84.0, 104.0, 42.0
    drawing.text(8, 24, "Attention over the past of an LSTM", "heading")
    drawing.text(8, 46, "model austen, second layer, θ = 0.3", "note")
    for column, word in enumerate(shown[:-1]):
        x = left + column * size + size / 2
        drawing.text(x, top - 30 if column % 2 else top - 10, word, "label", anchor="middle")
    for row in range(1, len(ids)):
        y = top + (row - 1) * size
        drawing.text(left - 8, y + size / 2 + 5, shown[row], "label", anchor="end")
        for column, weight in enumerate(_attention(hidden, row)):
            x = left + column * size
            drawing.rect(x + 1, y + 1, size - 2, size - 2, "track", radius=3)
            if shade := min(4, int(weight * 5 + 0.75)):
                drawing.rect(x + 1, y + 1, size - 2, size - 2, f"positive s{shade}", radius=3)
            if weight >= 0.05:
                drawing.text(
                    x + size / 2, y + size / 2 + 5, f"{weight:.2f}".removeprefix("0"), "note read", anchor="middle"
                )
    bottom = top + (len(ids) - 1) * size
    drawing.text(8, bottom + 26, "Row: the word just read. Column: a former word.", "note")
    drawing.text(8, bottom + 46, "The second “very” looks at the first one, which “happy” followed.", "note")
    drawing.height = bottom + 58
    return drawing.to_svg()


def _attention(hidden: NDArray[np.float64], row: int) -> list[float]:
    """Return the cache's weights of all former words at a word."""
    scores = _THETA * hidden[:row] @ hidden[row]
    weights = np.exp(scores - scores.max())
    return [float(weight) for weight in weights / weights.sum()]


def word_map_drawing() -> str:
    """Draw forty words by the two directions in which their vectors differ most."""
    bundle = austen()
    words = [(word, hue) for hue, group in zip(_HUES, GROUPS.values(), strict=True) for word in group.split()]
    table = bundle.embeddings().astype(np.float64)
    vectors = table[[bundle.tokenizer.vocabulary.id_of(word) for word, _ in words]]
    centered = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centered, full_matrices=False)
    points = centered @ directions[:2].T
    points *= -np.sign(points[0])  # the sign of a direction is free: the first word is below, to the left
    low, high = points.min(axis=0), points.max(axis=0)
    spots = ((points - low) / (high - low)).tolist()
    drawing = Drawing(
        _WIDTH,
        title="Forty words of Jane Austen, placed by their vectors",
        description="; ".join(f"{name}: {group}" for name, group in GROUPS.items()),
    )
    drawing.text(8, 24, "Forty words, placed by their vectors", "heading")
    placed = [
        (word, hue, 84 + across * 380, 500 - up * 440) for (word, hue), (across, up) in zip(words, spots, strict=True)
    ]
    taken = [(x - 4, x + 4, y - 4, y + 4) for _, _, x, y in placed]
    for word, hue, x, y in placed:
        left, baseline = _free(taken, x, y, text_width(word, SIZES["note"]))
        taken.append((left, left + text_width(word, SIZES["note"]), baseline - 11, baseline + 3))
        drawing.circle(x, y, 2.5, f"hue-{hue}")
        drawing.text(left, baseline, word, f"note hue-{hue}")
    x = 8.0
    for hue, name in zip(_HUES, GROUPS, strict=True):
        x += drawing.text(x, 546, name, f"note hue-{hue}") + 12
    drawing.height = 560
    return drawing.to_svg()


def _free(taken: Sequence[tuple[float, float, float, float]], x: float, y: float, width: float) -> tuple[float, float]:
    """Return the left end and the baseline for a word near a point at which it covers no other and no dot."""
    places = [(x + 7, y + 5), (x - width - 7, y + 5)]
    for down in (18, -8, 32, -22, 46, -36, 60, -50):
        places += [(x - width / 2, y + down), (x + 7, y + down), (x - width - 7, y + down)]
    for left, baseline in places:
        if not any(
            start < left + width and end > left and top < baseline + 3 and bottom > baseline - 11
            for start, end, top, bottom in taken
        ):
            return left, baseline
    return places[0]
