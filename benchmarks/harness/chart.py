"""Bar charts and line charts as SVG that are legible on a phone, on light and on dark pages.

The text is text, there is no background, and colors are variables of CSS. The same numbers give the same bytes.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from harness.picture_text import number, text_width
from nextword.display.chart import Axis, style_sheet
from nextword.display.tokens import COLORS, SANS
from nextword.errors import SettingError

_WIDTH, _SIZE, _LINE, _SHOWN = 420.0, 11.0, 17.0, 4 / 3
"""Width of a chart, size of its font, and height of a line of text; a wide page shows it
larger, and a phone on 360 pixels."""

_BAR, _HEADING, _PANEL, _LEFT, _RIGHT = 22.0, 26.0, 150.0, 46.0, 12.0
_MIN_TICK_DISTANCE = 0.07
"""How near ticks may be, as a share of the axis."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_MARKERS = {
    "o": "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0",
    "s": "m-3-3h6v6h-6z",
    "D": "m0-4.5l4.5 4.5l-4.5 4.5l-4.5-4.5z",
    "^": "m0-4l4 7.5h-8z",
    "P": "m-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "X": "m0-2l2.5-2.5l2 2l-2.5 2.5l2.5 2.5l-2 2l-2.5-2.5l-2.5 2.5l-2-2l2.5-2.5l-2.5-2.5l2-2z",
}
"""Shapes of markers by their names, each drawn from its center."""

_RULES = {
    "text": f"font:11px {SANS};fill:var(--ink)",
    "bold": f"font:bold 11px {SANS};fill:var(--ink)",
    "grid": "stroke:var(--line);stroke-width:0.8",
    "axis": "stroke:var(--edge);stroke-width:1",
    "whisker": "fill:none;stroke:var(--ink);stroke-width:1.2",
    **{hue: f"fill:var(--{hue})" for hue in COLORS if hue != "line"},
    **{f"line-{hue}": f"fill:none;stroke:var(--{hue});stroke-width:1.8;stroke-linejoin:round" for hue in COLORS},
    "dashed": "stroke-dasharray:6 4",
}
"""What each class looks like. A chart contains the rules of the classes that it uses."""


@dataclass(frozen=True)
class Line:
    """A line of a panel.

    Attributes:
        label: What it is, for the legend; empty for none.
        x: Where its points are.
        y: How high they are.
        hue: A name of `nextword.display.tokens.COLORS`.
        style: `-`, `--`, or an empty string for points alone.
        marker: A marker at every point: `o`, `s`, `D`, `^`, `P` or `X`; empty for none.
        errors: Half the length of each whisker.
        note: What is written above its last point.
        has_note_below: Whether it is written below and to the right instead, as for a minimum.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    hue: str = "blue"
    style: str = "-"
    marker: str = ""
    errors: Sequence[float] | None = None
    note: str = ""
    has_note_below: bool = False


@dataclass(frozen=True)
class Panel:
    """One of the panels of a chart, below one another.

    Attributes:
        y_label: What the lines show, with its unit.
        lines: The lines.
        title: Title above the panel; empty for none.
        ticks: Ticks of the vertical axis; those too near the one before are left out. If empty, they are chosen.
        is_log: Whether the vertical axis is logarithmic.
        limits: Ends of the vertical axis; they follow from the lines if `None`. Points beyond them are not drawn.
    """

    y_label: str
    lines: Sequence[Line]
    title: str = ""
    ticks: Sequence[float] = ()
    is_log: bool = False
    limits: tuple[float, float] | None = None


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    x_label: str,
    errors: tuple[Sequence[float], Sequence[float]] | None = None,
    emphasized: Sequence[str] = (),
    headings: Mapping[int, str] | None = None,
    number_format: str = "{:.1f}",
    noise: float = 0.0,
    note: str = "",
) -> str:
    """Return a chart of horizontal bars as SVG, the first on top, each with its label on the left.

    Args:
        labels: What each bar is.
        values: How long it is; a negative bar has another color.
        title: What the chart shows, for readers who cannot see it.
        x_label: What the values are, with their unit.
        errors: Lengths of the whiskers below and above.
        emphasized: Labels of the bars in color.
        headings: Headings of groups, by the index of the first bar of the group.
        number_format: Format of the values.
        noise: Half the width of a band around zero, within which a value may be chance.
        note: A second line below the chart.
    """
    below, above = errors or ([0.0] * len(values), [0.0] * len(values))
    ends = [value + error for value, error in zip(values, above, strict=True)]
    room = max((text_width(number_format.format(value), _SIZE) for value in values), default=0.0) + 8
    start = max((text_width(label, _SIZE, bold=label in emphasized and not headings) for label in labels), default=0.0)
    x = _along(Axis(x_label, min([0.0, *values]), max([*ends, 1e-9])), start + 10, _WIDTH - room)
    bodies, band, top = list[str](), list[str](), 4.0
    for index, (label, value, end) in enumerate(zip(labels, values, ends, strict=True)):
        if headings and index in headings:
            bodies.append(_text(0, top + 16, headings[index], "bold"))
            top += _HEADING
        bodies.append(_text(0, top + 14, label, "bold" if label in emphasized and not headings else "text"))
        left, right = sorted((x(0), x(value)))
        hue = "orange" if value < 0 else "accent" if label in emphasized else "quiet"
        if noise:
            band.append(_rect(x(-noise), top, x(noise) - x(-noise), _BAR, "ground"))
        bodies.append(_rect(left, top + 3, right - left, 15, hue))
        bodies.append(_path(f"M{number(x(0))} {number(top)}v{number(_BAR)}", "axis"))
        if errors:
            low, high = x(value - below[index]), x(end)
            bodies.append(_path(f"M{number(low)} {number(top + 6.5)}v8m0-4H{number(high)}m0-4v8", "whisker"))
        bodies.append(_text(max(x(end), x(noise)) + 6, top + 14, number_format.format(value)))
        top += _BAR
    for says in (x_label, note) if note else (x_label,):
        bodies.append(_text(0, top + 16, says))
        top += _LINE
    return _svg([*band, *bodies], top + 6, title)


def lines(
    panels: Sequence[Panel], *, title: str, x_label: str, x_ticks: Sequence[float] = (), has_log_x: bool = False
) -> str:
    """Return a chart of panels below one another as SVG, with one legend above all.

    Args:
        panels: The panels, the first on top.
        title: What the chart shows, for readers who cannot see it.
        x_label: What the horizontal axis is, with its unit.
        x_ticks: Ticks of the horizontal axis; they are chosen if empty.
        has_log_x: Whether the horizontal axis is logarithmic.
    """
    entries = {line.label: line for panel in reversed(panels) for line in reversed(panel.lines) if line.label}
    parts, top = list[str](), 0.0
    for label, entry in reversed(entries.items()):
        parts += [*_sample(entry, top + 8), _text(32, top + 12, label)]
        top += _LINE
    across = [value for panel in panels for line in panel.lines for value in line.x] or [1.0, 2.0]
    axis = Axis(x_label, *_padded(min(across), max(across), 0.03, is_log=has_log_x), has_log_x)
    x = _along(axis, _LEFT, _WIDTH - _RIGHT)
    ticks = spread_ticks(x_ticks or axis.ticks(8), axis)
    for panel in panels:
        top += _LINE * (2 if panel.title else 1) + 6
        parts += _panel(panel, x, ticks, top)
        top += _PANEL + _LINE
    parts += [_text(x(tick), top - 3, tick_label(tick), anchor="middle") for tick in ticks]
    parts.append(_text((_LEFT + _WIDTH) / 2, top + 13, x_label, anchor="middle"))
    return _svg(parts, top + _LINE, title)


def _panel(panel: Panel, x: Callable[[float], float], x_ticks: Sequence[float], top: float) -> list[str]:
    """Return a panel whose highest line is at `top`."""
    values = [value for line in panel.lines for value in line.y]
    values += [value + error for line in panel.lines for value, error in zip(line.y, line.errors or (), strict=False)]
    values = values or [1.0, 2.0]
    low, high = panel.limits or _padded(min(values), max(values), 0.05, is_log=panel.is_log)
    axis = Axis(panel.y_label, low, high, panel.is_log)
    y = _along(axis, top + _PANEL, top)
    right = number(_WIDTH - _RIGHT)
    parts = [_text(0, top - 8 - _LINE, panel.title, "bold")] if panel.title else []
    parts.append(_text(0, top - 8, panel.y_label))
    for tick in spread_ticks(panel.ticks or axis.ticks(6), axis):
        parts.append(_path(f"M{number(_LEFT)} {number(y(tick))}H{right}", "grid"))
        parts.append(_text(_LEFT - 5, y(tick) + 4, tick_label(tick), anchor="end"))
    parts += [_path(f"M{number(x(tick))} {number(top)}v{number(_PANEL)}", "grid") for tick in x_ticks]
    parts.append(_path(f"M{number(_LEFT)} {number(top + _PANEL)}H{right}", "axis"))
    for line in panel.lines:
        points = [(x(across), y(up)) for across, up in zip(line.x, line.y, strict=True) if low <= up <= high]
        parts += _drawn(line, points)
        if line.note and points:
            across, up = points[-1]
            is_right = across + text_width(line.note, _SIZE) > _WIDTH
            aside, down = (24, 16) if line.has_note_below else (0, -10)
            parts.append(_text(across + aside, up + down, line.note, anchor="end" if is_right else "start"))
        for across, up, error in zip(line.x, line.y, line.errors or (), strict=False):
            if error:
                ends = f"M{number(x(across) - 3)} {number(y(up - error))}h6m-3 0V{number(y(up + error))}m-3 0h6"
                parts.append(_path(ends, f"line-{line.hue}"))
    return parts


def _drawn(line: Line, points: Sequence[tuple[float, float]]) -> list[str]:
    """Return a line and its markers."""
    shown = [f"{number(across)} {number(down)}" for across, down in points]
    parts = []
    if line.style and len(points) > 1:
        parts.append(_path(f"M{'L'.join(shown)}", f"line-{line.hue}{' dashed' if line.style == '--' else ''}"))
    if line.marker:
        parts.append(_path("".join(f"M{point}{_MARKERS[line.marker]}" for point in shown), line.hue))
    return parts


def _sample(line: Line, middle: float) -> list[str]:
    """Return what a legend shows of a line."""
    return _drawn(replace(line, marker=""), [(2, middle), (26, middle)]) + _drawn(
        replace(line, style=""), [(14, middle)]
    )


def _padded(low: float, high: float, share: float, *, is_log: bool) -> tuple[float, float]:
    """Return the ends of an axis, a share of its length beyond the lowest and the highest value."""
    if is_log:
        pad = (high / low) ** share if high > low else 1.5
        return low / pad, high * pad
    pad = share * (high - low) or 1.0
    return low - pad, high + pad


def _along(axis: Axis, start: float, end: float) -> Callable[[float], float]:
    """Return what maps a value of an axis to its coordinate between two ends."""
    return lambda value: start + axis.share(value) * (end - start)


def spread_ticks(ticks: Sequence[float], axis: Axis) -> list[float]:
    """Return the ticks on an axis, without those that are too near the one before.

    Example:
        >>> spread_ticks([1, 2, 2.1, 3, 9], Axis("perplexity", 1, 4, is_log=True))
        [1, 2, 3]
    """
    spread: list[float] = []
    for tick in sorted(ticks):
        is_apart = not spread or axis.share(tick) - axis.share(spread[-1]) > _MIN_TICK_DISTANCE
        if axis.low <= tick <= axis.high and is_apart:
            spread.append(tick)
    return spread


def tick_label(tick: float) -> str:
    """Return a number as people write it: very small ones as powers of ten.

    Example:
        >>> tick_label(1e-5), tick_label(0.1), tick_label(2000), tick_label(5e-05)
        ('10⁻⁵', '0.1', '2,000', '5e-05')
    """
    if 0 < tick < 1e-3 and (power := round(math.log10(tick))) == math.log10(tick):
        return f"10{str(power).translate(_SUPERSCRIPTS)}"
    return f"{tick:,g}"


def require_chart(path: Path | None) -> None:
    """Raise if a chart cannot be written to a file, before anything is measured for it."""
    if path is not None and (path.suffix != ".svg" or not path.absolute().parent.is_dir()):
        raise SettingError(f"a chart must be an .svg file in a folder that exists, but `{path}` is not")


def _text(x: float, y: float, content: str, kind: str = "text", *, anchor: str = "start") -> str:
    aligned = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{aligned}>{escape(content)}</text>'


def _rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    position = f'x="{number(x)}" y="{number(y)}"'
    return f'<rect class="{kind}" {position} width="{number(width)}" height="{number(height)}"/>'


def _path(commands: str, kind: str) -> str:
    return f'<path class="{kind}" d="{commands}"/>'


def _svg(parts: Sequence[str], height: float, title: str) -> str:
    body = "\n".join(parts)
    classes = set(" ".join(re.findall(r'class="([^"]*)"', body)).split())
    rules = [f".{name}{{{rule}}}" for name, rule in _RULES.items() if name in classes]
    colors = dict.fromkeys(re.findall(r"var\(--([\w-]+)\)", "".join(rules)))
    size = f'width="{number(_SHOWN * _WIDTH)}" height="{number(_SHOWN * height)}"'
    box = f'viewBox="0 0 {number(_WIDTH)} {number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" aria-labelledby="title">\n'
        f'<title id="title">{escape(title)}</title>\n<style>\n{style_sheet(list(colors), rules)}\n</style>\n'
        f"{body}\n</svg>\n"
    )
