"""The layers of a language model as boxes, with the shapes between them and the number of weights in each."""

from nextword.display.pictures.stages import Stage, stages_of
from nextword.display.svg import Drawing
from nextword.model.architecture import Architecture

_WIDTH, _LEFT, _ROOM = 540.0, 8.0, 524.0
_BOX, _GAP, _ARROW_X = 64.0, 46.0, 44.0
_INSIDE = 18.0
_SYMBOLS = (
    "B: rows in a batch. T: words in a row. E: width of the embedding.",
    "H: hidden units. V: words in the vocabulary.",
)


def draw_architecture(architecture: Architecture, name: str) -> Drawing:
    """Draw the layers of a model from token ids down to predictions.

    Args:
        architecture: The model.
        name: What it is the architecture of, such as "preset tutorial".

    Example:
        >>> tutorial = Architecture(vocabulary_size=10_000, embedding_size=500, hidden_sizes=(500, 500))
        >>> "14,014,000 parameters" in draw_architecture(tutorial, "preset tutorial").to_svg()
        True
    """
    stages = stages_of(architecture)
    total = f"{architecture.num_parameters:,} parameters"
    told = "; ".join(f"{stage.title}: {stage.num_parameters:,} weights, returns {stage.shape}" for stage in stages)
    drawing = Drawing(
        _WIDTH,
        title=f"Architecture of the {name}: {total}",
        description=f"Layers from token ids (B, T) to predictions. {told}.",
    )
    width = drawing.text(_WIDTH - _LEFT, 26, total, "heading", anchor="end", room=0.6 * _ROOM)
    drawing.text(_LEFT, 26, _capital(name), "heading", room=_ROOM - width - 16)
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


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
