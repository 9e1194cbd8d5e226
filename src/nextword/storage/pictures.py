"""Pictures with matplotlib. The same figures give the same bytes, and a file is replaced in one step."""

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nextword.errors import MissingExtraError
from nextword.storage.single_file import write_file

MAIN_COLOR, QUIET_COLOR, MARK_COLOR = "#1f5fbf", "#8a8f98", "#c2410c"
_GRID_COLOR = "#e5e7eb"


def require_matplotlib(what: str) -> None:
    """Check that pictures can be drawn.

    Args:
        what: What needs them, in the plural: "curves".

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError.of(f"{what} need matplotlib", None, "train") from error


def draw_picture(path: Path, size: tuple[float, float], draw: Callable[[Any], None]) -> None:
    """Write a picture in the format that the suffix of `path` names.

    Args:
        path: Where to write it.
        size: Width and height in inches.
        draw: Draws on the figure that it gets.

    Raises:
        StorageError: The disk refused; the old picture is kept.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    picture = io.BytesIO()
    # No dates and no random names in the file: the same figures give the same bytes.
    with rc_context({"svg.hashsalt": "nextword"}):
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix)
        figure.savefig(picture, format=path.suffix[1:], dpi=150, metadata=metadata)
    write_file(path, picture.getvalue())


def finish_axes(axes: Any, grid: str = "both") -> None:
    """Give a panel a light grid along an axis (`x`, `y` or `both`), and no frame."""
    axes.grid(axis=grid, color=_GRID_COLOR, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
