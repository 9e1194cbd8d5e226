"""Charts with matplotlib. The same figures give the same bytes, and a file is replaced in one step.

An SVG has its text as text, no background, and the colors of `nextword.display.svg` as variables of CSS, so
it is legible on light and on dark pages.
"""

import importlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from nextword.disk.files import write_file
from nextword.display.svg import COLORS, SANS, style_sheet
from nextword.errors import MissingExtraError

Draw = Callable[[Any], None]
"""Draws on the figure that it gets."""


def color(name: str) -> str:
    """Return a color as it is on a light page. In an SVG, it becomes the variable."""
    return COLORS[name][0]


MAIN_COLOR, QUIET_COLOR, MARK_COLOR = color("blue"), color("quiet"), color("orange")

_SVG = {
    "svg.hashsalt": "nextword",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), color("ink")),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), color("edge")),
}


def require_matplotlib(what: str) -> None:
    """Check that pictures can be drawn.

    Args:
        what: What needs them, in the plural: "plots".

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError.of(f"{what} need matplotlib", None, "dev") from error


def draw_picture(path: Path, size: tuple[float, float], draw: Draw, *, title: str = "Chart") -> None:
    """Write a picture in the format that the suffix of `path` names.

    Args:
        path: Where to write it.
        size: Width and height in inches.
        draw: Draws on the figure that it gets.
        title: What an SVG shows, for readers who cannot see it.

    Raises:
        StorageError: The disk refused; the old picture is kept.
    """
    write_file(path, svg_chart(size, draw, title).encode() if path.suffix == ".svg" else _bytes(path, size, draw))


def svg_chart(size: tuple[float, float], draw: Draw, title: str) -> str:
    """Return a picture as SVG; see `draw_picture`."""
    from cycler import cycler
    from matplotlib import rc_context

    hues = cycler(color=[color(name) for name in ("blue", "orange", "accent", "violet", "olive")])
    with rc_context({**_SVG, "axes.prop_cycle": hues}):
        drawn = _bytes(Path("chart.svg"), size, draw).decode()
    return _with_variables(drawn, title)


def finish_axes(axes: Any, grid: str = "both") -> None:
    """Give a panel a light grid along an axis (`x`, `y` or `both`), and no frame."""
    axes.grid(axis=grid, color=color("line"), linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _bytes(path: Path, size: tuple[float, float], draw: Draw) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    picture = io.BytesIO()
    # No dates: the same figures give the same bytes.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix)
    figure.savefig(picture, format=path.suffix[1:], dpi=150, metadata=metadata)
    return picture.getvalue()


def _with_variables(drawn: str, title: str) -> str:
    """Return an SVG of matplotlib with a title, variables for its colors, short numbers and the fonts of the reader."""
    names = {light: name for name, (light, _) in COLORS.items()}
    body = re.sub(r"^.*?<svg|<metadata>.*?</metadata>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    body = re.sub(r"(?<=[\"; ])(\w[\w-]*): (#[0-9a-f]{6})\b", lambda found: _variable(found, names), body)
    sans = SANS.replace('"', "'")
    body = re.sub(r"'DejaVu Sans'[^;\"]*", sans, body)
    body = re.sub(r"<[^>]+>", lambda tag: re.sub(r"-?\d+\.\d{3,}", _short, tag[0]), body)
    # They are hashes of unrounded numbers, whose last bits differ between machines.
    hashes = dict.fromkeys(re.findall(r'id="([mp][0-9a-f]{10})"', body))
    for index, name in enumerate(hashes):
        body = body.replace(name, f"shape-{index + 1}")
    attributes, _, inside = body.partition(">")
    used = dict.fromkeys(re.findall(r"var\(--([\w-]+)\)", inside))
    return (
        f'<svg role="img" aria-labelledby="title"{attributes}>\n<title id="title">{escape(title)}</title>\n'
        f"<style>\n{style_sheet(list(used))}\n</style>{inside}"
    )


def _variable(found: re.Match[str], names: dict[str, str]) -> str:
    return f"{found[1]}: var(--{names[found[2]]})" if found[2] in names else found[0]


def _short(found: re.Match[str]) -> str:
    shown = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
