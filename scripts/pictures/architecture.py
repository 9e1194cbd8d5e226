"""The layers of a language model in their order, and as boxes with the shapes between them and their weights."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS
from pictures.drawing import Drawing


@dataclass(frozen=True)
class Stage:
    """A part of a model that turns one array into the next."""

    title: str  # what it is
    formula: str  # how its weights are counted, in numbers
    num_parameters: int  # number of its weights; those that it shares are counted where they are first
    shape: str  # shape of what it returns, in symbols
    size: str  # the last of these symbols in numbers, such as `E = 500`
    dropout_rate: float = 0.0  # rate of the dropout on what it returns


def stages_of(architecture: Architecture) -> list[Stage]:
    """Return the stages of a model from token ids to predictions."""
    size, vocabulary_size = architecture.embedding_size, architecture.vocabulary_size
    embedding = Stage(
        "Embedding",
        f"{vocabulary_size:,} × {size:,}",
        vocabulary_size * size,
        "(B, T, E)",
        f"E = {size:,}",
        architecture.input_dropout_rate,
    )
    return [embedding, *_recurrent(architecture), *_output(architecture)]


def _recurrent(architecture: Architecture) -> Iterator[Stage]:
    cell, sizes = CELLS[architecture.cell], architecture.hidden_sizes
    widths = (architecture.embedding_size, *sizes)
    shapes = architecture.weight_shapes()
    for index, hidden_size in enumerate(sizes):
        is_last = index == len(sizes) - 1
        symbol = "H" if len(set(sizes)) == 1 else f"H_{index + 1}"
        prefix = f"{architecture.cell}_{index}/"
        count = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(prefix))
        gates = f"{cell.num_gates} × " if cell.num_gates > 1 else ""
        formula = f"{gates}{hidden_size:,} × ({widths[index]:,} + {hidden_size:,} + 1)"
        extra = count - cell.num_gates * hidden_size * (widths[index] + hidden_size + 1)
        formula += f" + {extra:,} of the modulation" if extra else ""
        rate = architecture.output_dropout_rate if is_last else architecture.hidden_dropout_rate
        size = f"{symbol} = {hidden_size:,}"
        yield Stage(f"{cell.title} layer {index + 1}", formula, count, f"(B, T, {symbol})", size, rate)


def _output(architecture: Architecture) -> Iterator[Stage]:
    width, vocabulary_size = architecture.hidden_sizes[-1], architecture.vocabulary_size
    last = ("(B, T, V)", f"V = {vocabulary_size:,}")
    if architecture.tied:
        formula = f"{vocabulary_size:,} biases; the weights are those of the embedding"
        yield Stage("Softmax, tied", formula, vocabulary_size, *last)
    else:
        yield Stage("Softmax", f"({width:,} + 1) × {vocabulary_size:,}", (width + 1) * vocabulary_size, *last)


_WIDTH, _LEFT, _ROOM = 540.0, 8.0, 524.0
_BOX, _GAP, _ARROW_X = 64.0, 46.0, 44.0
_INSIDE = 18.0
_SYMBOLS = (
    "B: rows in a batch. T: words in a row. E: width of the embedding.",
    "H: hidden units. V: words in the vocabulary.",
)


def draw_architecture(architecture: Architecture, name: str) -> Drawing:
    """Draw the layers of a model from token ids down to predictions."""
    stages = stages_of(architecture)
    total = f"{architecture.num_parameters:,} parameters"
    told = "; ".join(f"{stage.title}: {stage.num_parameters:,} weights, returns {stage.shape}" for stage in stages)
    drawing = Drawing(
        _WIDTH,
        title=f"Architecture of the {name}: {total}",
        description=f"Layers from token ids (B, T) to predictions. {told}.",
    )
    width = drawing.text(_WIDTH - _LEFT, 26, total, "heading", anchor="end", room=0.6 * _ROOM)
    drawing.text(_LEFT, 26, name[:1].upper() + name[1:], "heading", room=_ROOM - width - 16)
    y = 66.0
    drawing.text(_LEFT + 4, y, "token ids", "strong")
    y = _draw_arrow(drawing, y + 10, "(B, T)", "int32", 0.0)
    for stage in stages:
        y = _draw_stage(drawing, stage, y)
        y = _draw_arrow(drawing, y, stage.shape, stage.size, stage.dropout_rate)
    drawing.text(_LEFT + 4, y + 18, "log-probability of each word of the vocabulary", "strong", room=_ROOM - 8)
    for row, line in enumerate(_SYMBOLS):
        drawing.text(_LEFT + 4, y + 52 + 20 * row, line, "note", room=_ROOM - 8)
    drawing.height = y + 52 + 20 * len(_SYMBOLS) - 8
    return drawing


def _draw_stage(drawing: Drawing, stage: Stage, top: float) -> float:
    """Draw the box of a stage; return its lower edge."""
    has_weights = stage.num_parameters > 0
    drawing.rect(_LEFT, top, _ROOM, _BOX, "pale" if has_weights else "box", radius=10)
    count = f"{stage.num_parameters:,}" if has_weights else ""
    right = _LEFT + _ROOM - _INSIDE
    width = drawing.text(right, top + 27, count, "strong", anchor="end") if count else 0.0
    room = _ROOM - 2 * _INSIDE
    drawing.text(_LEFT + _INSIDE, top + 27, stage.title, "strong", room=room - width - 12)
    drawing.text(_LEFT + _INSIDE, top + 50, stage.formula, "note", room=room)
    return top + _BOX


def _draw_arrow(drawing: Drawing, top: float, shape: str, size: str, dropout_rate: float) -> float:
    """Draw an arrow with the shape of what passes; return its lower end."""
    drawing.arrow([(_ARROW_X, top), (_ARROW_X, top + _GAP)])
    baseline = top + _GAP / 2 + 6
    width = drawing.math(_ARROW_X + 18, baseline, shape)
    drawing.math(_ARROW_X + 18 + width + 22, baseline, size, "math quiet")
    if dropout_rate:
        drawing.text(_LEFT + _ROOM - _INSIDE, baseline, f"dropout {dropout_rate:.3g}", "note", anchor="end")
    return top + _GAP
