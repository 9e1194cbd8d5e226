"""A chart of lines as SVG: the curve of a run, and what the benchmarks draw.

A chart is made of elements: lists of a name, attributes and content. Notebooks and files get them as markup, the page
as JSON, of which it makes nodes.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from nextword.display.table import Markup
from nextword.display.tokens import COLORS

_MIN_RANGE = 1.2
_FAR_APART = 10.0
_MIN_TICKS = 2


def log_bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return where a logarithmic axis of values begins and ends; it has some length even if all are equal."""
    low, high = min(values), max(values)
    missing = max(1.0, math.sqrt(_MIN_RANGE * low / high))
    return low / missing, high * missing


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round numbers between two others, in order, thinned to at most `count`; more digits if they are close."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if high / low > _FAR_APART else (1, 1.5, 2, 3, 4, 5, 7)
    rounded = [digit * 10**power for power in range(first, last + 1) for digit in digits]
    ticks = [tick for tick in rounded if low <= tick <= high]
    if len(ticks) < _MIN_TICKS:
        ticks = _multiples(_round_step((high - low) / count), low, high)
    return ticks[:: max(1, math.ceil(len(ticks) / count))]


def even_ticks(low: float, high: float, count: int) -> list[float]:
    """Return the multiples of a round number between two others, at most `count`."""
    return _multiples(_round_step((high - low) / (count - 1)), low, high)


def _multiples(step: float, low: float, high: float) -> list[float]:
    first, last = math.ceil(low / step * (1 - 1e-9)), math.floor(high / step * (1 + 1e-9))
    return [step * number for number in range(first, last + 1)]


def _round_step(minimum: float) -> float:
    power = math.floor(math.log10(minimum))
    steps: list[float] = [digit * 10**exponent for exponent in (power, power + 1) for digit in (1, 2, 5)]
    return steps[bisect_left(steps, minimum * (1 - 1e-9))]


def style_sheet(colors: Sequence[str], rules: Sequence[str] = ()) -> str:
    """Return the style sheet of a picture."""
    light, dark = (";".join(f"--{name}:{COLORS[name][scheme]}" for name in colors) for scheme in (0, 1))
    return "\n".join([f"svg{{{light}}}", f"@media (prefers-color-scheme:dark){{svg{{{dark}}}}}", *rules])


type Point = tuple[float, float]
type Element = str | list[Any]

_LEFT, _RIGHT, _TOP, _BOTTOM, _HEADING = 52, 12, 26, 36, 28
_MAX_X_TICKS, _MAX_Y_TICKS = 8, 6
_CHARACTER, _SAMPLE, _GAP = 7, 22, 16
"""Widths in the legend: of a character, of the line before a name, and between two names."""

_TRAIN_COLOR, _VALID_COLOR, _BEST_COLOR = (COLORS[f"any-{hue}"][0] for hue in ("quiet", "blue", "orange"))


@dataclass(frozen=True)
class Axis:
    """An axis of a chart."""

    label: str
    low: float
    high: float
    is_log: bool = False

    def share(self, value: float) -> float:
        """Return how far along the axis a value is, from 0 to 1."""
        scale = math.log if self.is_log else float
        return (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))

    def ticks(self, count: int) -> list[float]:
        """Return round numbers along the axis, at most `count`."""
        return (log_ticks if self.is_log else even_ticks)(self.low, self.high, count)


@dataclass(frozen=True)
class ChartLine:
    """A line of a chart."""

    name: str  # what the legend calls it
    points: Sequence[Point]  # its points, from left to right
    color: str  # a color of CSS
    dot: int = 0  # radius of the dot at each point; 0 for none


@dataclass(frozen=True)
class Chart:
    """Lines over two axes."""

    lines: Sequence[ChartLine]  # the lines, each with at least one point
    x: Axis  # the horizontal axis
    y: Axis  # the vertical axis
    # Makes it a file of its own, with this title and its own colors; if empty, text has the color of the page.
    title: str = ""
    width: int = 640  # units of the drawing, pixels at its largest
    height: int = 260  # the same, without the title

    def to_element(self) -> list[Any]:
        """Return the chart as an element."""
        top = _HEADING if self.title else 0
        attributes = {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 {-top} {self.width} {self.height + top}",
            "role": "img",
            "aria-label": f"{self.y.label} by {self.x.label}: {', '.join(line.name for line in self.lines)}",
            "font-family": "sans-serif",
            "font-size": "12",
            "fill": "currentColor",
        }
        return ["svg", attributes, *self._heading(), *self._grid(), *self._drawn_lines(), *self._legend()]

    def to_svg(self) -> Markup:
        """Return the chart as markup."""
        name, attributes, *content = self.to_element()
        style = {"style": f"width:100%;max-width:{self.width}px;height:auto"}
        return Markup(_markup([name, attributes | style, *content]))

    def _heading(self) -> Iterator[Element]:
        if self.title:
            yield ["style", {}, Markup(style_sheet(["ink"], ["svg{color:var(--ink);color-scheme:light dark}"]))]
            yield _text(self.width / 2, -12, self.title, "middle", size="14")

    def _x(self, value: float) -> float:
        return round(_LEFT + (self.width - _LEFT - _RIGHT) * self.x.share(value), 1)

    def _y(self, value: float) -> float:
        return round(_TOP + (self.height - _TOP - _BOTTOM) * (1 - self.y.share(value)), 1)

    def _grid(self) -> Iterator[Element]:
        bottom, right = self.height - _BOTTOM, self.width - _RIGHT
        for tick in self.y.ticks(_MAX_Y_TICKS):
            yield _path(f"M{_LEFT} {self._y(tick)}H{right}", {"stroke-opacity": ".15"})
            yield _text(_LEFT - 6, self._y(tick) + 4, f"{tick:,g}", "end")
        for tick in self.x.ticks(_MAX_X_TICKS):
            yield _text(self._x(tick), bottom + 16, f"{tick:.6g}", "end" if self._x(tick) > right - 12 else "middle")
        yield _path(f"M{_LEFT} {_TOP}V{bottom}H{right}", {"stroke-opacity": ".6"})
        yield _text((_LEFT + right) / 2, self.height - 6, self.x.label, "middle")

    def _drawn_lines(self) -> Iterator[Element]:
        for line in self.lines:
            points = [(str(self._x(x)), str(self._y(y))) for x, y in line.points]
            joined = {"points": " ".join(map(",".join, points)), "stroke-width": "2", "stroke-linejoin": "round"}
            if len(points) > 1:
                yield ["polyline", {"fill": "none", "stroke": line.color, **joined}]
            for x, y in points if line.dot else ():
                yield ["circle", {"cx": x, "cy": y, "r": str(line.dot), "fill": line.color}]

    def _legend(self) -> Iterator[Element]:
        yield _text(4, 12, self.y.label)
        left = 4 + _CHARACTER * len(self.y.label) + _GAP
        for line in self.lines:
            yield _path(f"M{left:.0f} 8h{_SAMPLE}", {"stroke": line.color, "stroke-width": "2"})
            yield _text(round(left + _SAMPLE + 6), 12, line.name)
            left += _SAMPLE + 6 + _CHARACTER * len(line.name) + _GAP


def perplexity_chart(
    train: Sequence[Point],
    valid: Sequence[Point],
    x: Axis,
    *,
    train_name: str = "train",
    title: str = "",
    width: int = 640,
) -> Chart:
    """Return the curve of a run: training and validation perplexity, with the best round."""
    best = sorted(valid, key=lambda point: point[1])[:1]
    drawn = ((train_name, train, _TRAIN_COLOR, 0), ("valid", valid, _VALID_COLOR, 3), ("best", best, _BEST_COLOR, 5))
    lines = [
        ChartLine(f"{name} {points[-1][1]:,.1f}", points, color, dot) for name, points, color, dot in drawn if points
    ]
    low, high = log_bounds([perplexity for _, perplexity in (*train, *valid)])
    return Chart(lines, x, Axis("perplexity", low, high, is_log=True), title, width)


def _path(shape: str, look: Mapping[str, str]) -> Element:
    return ["path", {"d": shape, "fill": "none", "stroke": "currentColor", **look}]


def _text(x: float, y: float, text: str, anchor: str = "start", size: str = "12") -> Element:
    return ["text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor, "font-size": size}, text]


def _markup(element: Element) -> str:
    if isinstance(element, str):
        return element if isinstance(element, Markup) else escape(element, quote=False)
    name, attributes, *content = element
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(map(_markup, content))}</{name}>"
