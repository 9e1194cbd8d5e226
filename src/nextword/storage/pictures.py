"""Pictures with matplotlib: the same figures give the same bytes, and a file is whole or as it was."""

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
    """Raise if pictures cannot be drawn, `what` being what needs them.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError(f"{what} need matplotlib; install `nextword[plots]`") from error


def draw_picture(path: Path, size: tuple[float, float], draw: Callable[[Any], None]) -> None:
    """Write the picture that `draw` puts on a figure of `size` inches, in the format of the path's ending.

    Raises:
        StorageError: The disk refused; the former picture is whole.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    picture = io.BytesIO()
    # Neither dates nor random names in the file: the same figures draw the same picture.
    with rc_context({"svg.hashsalt": "nextword"}):
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix)
        figure.savefig(picture, format=path.suffix[1:], dpi=150, metadata=metadata)
    write_file(path, picture.getvalue())


def finish_axes(axes: Any, grid: str = "both") -> None:
    """Give a panel a quiet grid along an axis, `x` or `y`, or both, and no frame."""
    axes.grid(axis=grid, color=_GRID_COLOR, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
