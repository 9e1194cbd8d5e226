"""Bar charts and line charts that are legible on a phone, on light and on dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.pictures.drawing import color, finish_axes, svg_chart

WIDTH = 5.8
"""Inches; on a page that is 360 pixels wide, text of 11 points is then 9 pixels high."""

_BAR, _FRAME, _PANEL, _LEGEND = 0.62, 0.55, 2.6, 0.22
_NEAREST = 0.07
"""How near ticks may be, as a share of the axis."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    x_label: str,
    errors: Sequence[float] | tuple[Sequence[float], Sequence[float]] | None = None,
    emphasized: Sequence[str] = (),
    number: str = "{:.1f}",
    starts_at: float = 0.0,
) -> str:
    """Return a chart of horizontal bars as SVG, the first on top, each with its label above it.

    Args:
        labels: What each bar is.
        values: How long it is.
        title: What the chart shows, for readers who cannot see it.
        x_label: What the values are, with their unit.
        errors: Half the length of each whisker, or the lengths below and above.
        emphasized: Labels of the bars in color.
        number: Format of the values.
        starts_at: Value at which the bars begin.
    """
    size = (WIDTH, _FRAME + _BAR * len(labels))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        _draw_bars(axes, labels, values, errors, emphasized)
        reach = _reach(values, errors)
        for place, (value, end) in enumerate(zip(values, reach, strict=True)):
            axes.annotate(
                number.format(value),
                (max(end, starts_at), place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_xlim(starts_at, starts_at + 1.16 * (max(reach, default=starts_at + 1) - starts_at))
        axes.axvline(starts_at, color=color("edge"), linewidth=1)
        axes.set_xlabel(x_label, loc="left", labelpad=6)

    return svg_chart(size, draw, title)


def _reach(values: Sequence[float], errors: Any) -> list[float]:
    if errors is None:
        return list(values)
    above = errors[1] if isinstance(errors, tuple) else errors
    return [value + error for value, error in zip(values, above, strict=True)]


def _draw_bars(
    axes: Any, labels: Sequence[str], values: Sequence[float], errors: Any, emphasized: Sequence[str]
) -> None:
    colors = [color("accent") if label in emphasized else color("quiet") for label in labels]
    places = range(len(labels))
    axes.barh(places, values, height=0.4, color=colors, xerr=errors, ecolor=color("ink"), capsize=3)
    for place, label in zip(places, labels, strict=True):
        weight = "bold" if label in emphasized else "normal"
        start = (0, place - 0.27)
        axes.annotate(
            label, start, xycoords=("axes fraction", "data"), xytext=(2, 0), textcoords="offset points", weight=weight
        )
    axes.set_ylim(len(labels) - 0.6, -0.9)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


@dataclass(frozen=True)
class Line:
    """A line of a panel.

    Attributes:
        label: What it is, for the legend; empty for none.
        x: Where its points are.
        y: How high they are.
        hue: A name of `nextword.display.svg.COLORS`.
        style: `-`, `--`, `:`, or an empty string for points alone.
        marker: A marker of matplotlib at every point; empty for none.
        errors: Half the length of each whisker.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    hue: str = "blue"
    style: str = "-"
    marker: str = ""
    errors: Sequence[float] | None = None


@dataclass(frozen=True)
class Band:
    """A horizontal band behind the lines, for a range that is stated elsewhere."""

    label: str
    low: float
    high: float


@dataclass(frozen=True)
class Panel:
    """One of the panels of a chart, below one another.

    Attributes:
        y_label: What the lines show, with its unit.
        lines: The lines.
        title: Title above the panel; empty for none.
        ticks: Ticks of the vertical axis; those too near the one before are left out. If empty, matplotlib chooses.
        is_log: Whether the vertical axis is logarithmic.
        limits: Ends of the vertical axis; they follow from the lines if `None`.
        bands: Bands behind the lines.
    """

    y_label: str
    lines: Sequence[Line]
    title: str = ""
    ticks: Sequence[float] = ()
    is_log: bool = False
    limits: tuple[float, float] | None = None
    bands: Sequence[Band] = ()

    @property
    def labels(self) -> list[str]:
        """What the legend names of it."""
        return [
            label for label in (*(band.label for band in self.bands), *(line.label for line in self.lines)) if label
        ]


def lines(
    panels: Sequence[Panel], *, title: str, x_label: str, x_ticks: Sequence[float] = (), has_log_x: bool = False
) -> str:
    """Return a chart of panels below one another as SVG.

    Args:
        panels: The panels, the first on top.
        title: What the chart shows, for readers who cannot see it.
        x_label: What the horizontal axis is, with its unit.
        x_ticks: Ticks of the horizontal axis; chosen by matplotlib if empty.
        has_log_x: Whether the horizontal axis is logarithmic.
    """
    num_named = len({label for panel in panels for label in panel.labels})

    def draw(figure: Any) -> None:
        drawn = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(drawn, panels, strict=True):
            _draw_panel(axes, panel)
        if has_log_x:
            drawn[-1].set_xscale("log")
        if x_ticks:
            drawn[-1].set_xticks(x_ticks, [tick_label(tick) for tick in x_ticks])
            drawn[-1].minorticks_off()
        drawn[-1].set_xlabel(x_label)
        _draw_legend(figure, drawn)

    return svg_chart((WIDTH, 0.4 + _PANEL * len(panels) + _LEGEND * num_named), draw, title)


def _draw_legend(figure: Any, drawn: Sequence[Any]) -> None:
    """Draw one legend above all panels, where it covers nothing."""
    entries: dict[str, Any] = {}
    for axes in drawn:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        figure.legend(entries.values(), entries.keys(), loc="outside upper left", frameon=False)


def _draw_panel(axes: Any, panel: Panel) -> None:
    for band in panel.bands:
        axes.axhspan(band.low, band.high, color=color("pale"), label=band.label)
    for line in panel.lines:
        look = {"color": color(line.hue), "linestyle": line.style or "none", "marker": line.marker or None}
        axes.errorbar(line.x, line.y, line.errors, label=line.label or None, markersize=5, linewidth=1.8, **look)
    if panel.is_log:
        axes.set_yscale("log")
    limits = panel.limits or axes.get_ylim()
    if panel.ticks:
        ticks = spread_ticks(panel.ticks, *limits, is_log=panel.is_log)
        axes.set_yticks(ticks, [tick_label(tick) for tick in ticks])
        axes.minorticks_off()
    axes.set_ylim(*limits)
    axes.set_ylabel(panel.y_label)
    if panel.title:
        axes.set_title(panel.title, loc="left", fontsize=11, fontweight="bold")
    finish_axes(axes)


def spread_ticks(ticks: Sequence[float], low: float, high: float, *, is_log: bool) -> list[float]:
    """Return the ticks between two ends, without those that are too near the one before.

    Example:
        >>> spread_ticks([1, 2, 2.1, 3, 9], 1, 4, is_log=True)
        [1, 2, 3]
    """
    scale = math.log if is_log else float
    kept: list[float] = []
    for tick in sorted(ticks):
        is_apart = not kept or scale(tick) - scale(kept[-1]) > _NEAREST * (scale(high) - scale(low))
        if low <= tick <= high and is_apart:
            kept.append(tick)
    return kept


def tick_label(tick: float) -> str:
    """Return a number as people write it: very small ones as powers of ten.

    Example:
        >>> tick_label(1e-5), tick_label(0.1), tick_label(2000)
        ('10⁻⁵', '0.1', '2,000')
    """
    if 0 < tick < 1e-3 and (power := round(math.log10(tick))) == math.log10(tick):
        return f"10{str(power).translate(_SUPERSCRIPTS)}"
    return f"{tick:,g}"
