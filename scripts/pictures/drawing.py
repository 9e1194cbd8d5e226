"""A picture as SVG: shapes and text with classes, and one style sheet whose colors follow the reader's scheme."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from harness.picture_text import number, shortened, text_width
from nextword.display.chart import style_sheet
from nextword.display.tokens import SANS, SERIF

Anchor = Literal["start", "middle", "end"]

SIZES = {"heading": 18.0, "strong": 16.0, "word": 16.0, "label": 15.0, "note": 14.5, "math": 18.0, "sign": 18.0}
"""The size of the font of each class of text."""

_BOLD = ("heading", "strong")
_SUBSCRIPT, _DROP = 0.68, 0.22

_RULES = {
    "heading": "font-weight:650;font-size:18px",
    "strong": "font-weight:650;font-size:16px",
    "word": "font-size:16px",
    "label": "font-size:15px",
    "note": "font-size:14.5px;fill:var(--muted)",
    "math": f"font-family:{SERIF};font-size:18px;font-style:italic",
    "sign": "font-size:18px",
    "read": "fill:var(--ink)",
    "now": "font-weight:650;fill:var(--accent);text-decoration:underline 2px;text-underline-offset:4px",
    "up": "font-style:normal",
    "quiet": "fill:var(--muted)",
    "on": "fill:var(--accent)",
    "box": "fill:var(--raised);stroke:var(--edge);stroke-width:1.5",
    "body": "fill:var(--ground);stroke:none",
    "pale": "fill:var(--pale);stroke:var(--accent);stroke-width:1.5",
    "marked": "fill:var(--highlight);stroke:none",
    "track": "fill:var(--ground)",
    "over": "fill:none;pointer-events:all",
    "zero": "stroke:var(--edge);stroke-width:1",
    "gate": "fill:var(--accent)",
    "positive": "fill:var(--blue)",
    "negative": "fill:var(--orange)",
    "s1": "fill-opacity:.12",
    "s2": "fill-opacity:.24",
    "s3": "fill-opacity:.37",
    "s4": "fill-opacity:.5",
    **{f"bits{step}": f"fill:var(--{token})" for step, token in enumerate(("s2", "s4", "s5", "s6"), 1)},
    "wire": "fill:none;stroke:var(--edge);stroke-width:2;stroke-linejoin:round",
    "main-wire": "fill:none;stroke:var(--ink);stroke-width:3;stroke-linejoin:round",
    "state-wire": "fill:none;stroke:var(--accent);stroke-width:3;stroke-linejoin:round",
    "back-wire": "fill:none;stroke:var(--orange);stroke-width:2.5;stroke-dasharray:6 4",
    "look": "fill:none;stroke:var(--blue);stroke-linecap:round",
    **{f"w{width}": f"stroke-width:{2 * width}" for width in range(1, 5)},
    **{
        f"hue-{hue}": f"fill:var(--{hue});stroke:none"
        for hue in ("blue", "orange", "accent", "violet", "olive", "muted")
    },
    "cut": "fill:none;stroke:var(--orange);stroke-width:2.5",
    "tip": "fill:var(--edge)",
    "main-tip": "fill:var(--ink)",
    "state-tip": "fill:var(--accent)",
    "back-tip": "fill:var(--orange)",
    "joint": "fill:var(--raised);stroke:var(--ink);stroke-width:2",
    "dot": "fill:var(--edge)",
}
"""What each class looks like. A picture contains the rules of the classes that it uses."""


@dataclass(frozen=True)
class DrawnText:
    """Where a text is, estimated from above."""

    content: str  # what is written
    left: float  # its left end
    right: float  # its right end
    baseline: float  # where its letters stand
    size: float  # size of its font


class Drawing:
    """A picture in the making. Numbers are written with at most two decimals, so that all machines write the same."""

    def __init__(self, width: float, *, title: str, description: str) -> None:
        self.width = width
        self.height = 0.0  # height in units, which the drawing code sets
        self.texts: list[DrawnText] = []  # all texts drawn so far
        self._title = title
        self._description = description
        self._parts: list[str] = []

    def rect(
        self, left: float, top: float, width: float, height: float, kind: str, *, radius: float = 0, tip: str = ""
    ) -> None:
        """Draw a rectangle of a class; `tip` is shown to a pointer over it."""
        corners = f' rx="{number(radius)}"' if radius else ""
        place = f'x="{number(left)}" y="{number(top)}" width="{number(width)}" height="{number(height)}"'
        self._add("rect", f'class="{kind}" {place}{corners}', tip)

    def circle(self, x: float, y: float, radius: float, kind: str) -> None:
        """Draw a circle."""
        self._add("circle", f'class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"')

    def path(self, commands: str, kind: str) -> None:
        """Draw a path by the commands of SVG."""
        self._add("path", f'class="{kind}" d="{commands}"')

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Draw straight lines from each point to the next."""
        self.path("M" + "L".join(f"{number(x)} {number(y)}" for x, y in points), kind)

    def arrow(self, points: Sequence[tuple[float, float]], kind: str = "wire") -> None:
        """Draw straight lines with a tip at the last point."""
        (before_x, before_y), (x, y) = points[-2:]
        length, half = (11.0, 5.5) if kind == "wire" else (13.0, 7.0)
        across, down = _sign(x - before_x), _sign(y - before_y)
        self.line([*points[:-1], (x - across * length * 0.8, y - down * length * 0.8)], kind)
        base_x, base_y = x - across * length, y - down * length
        tip = [(x, y), (base_x + down * half, base_y + across * half), (base_x - down * half, base_y - across * half)]
        self.path("M" + "L".join(f"{number(a)} {number(b)}" for a, b in tip) + "Z", f"{kind.removesuffix('wire')}tip")

    def text(
        self, x: float, baseline: float, content: str, kind: str, *, anchor: Anchor = "start", room: float | None = None
    ) -> float:
        """Write a line, shortened to `room`; return the estimated width."""
        first = kind.split(maxsplit=1)[0]
        size, bold = SIZES[first], first in _BOLD
        if room is not None:
            content = shortened(content, room, size, bold=bold)
        width = text_width(content, size, bold=bold)
        self._write(x, baseline, escape(content), kind, anchor)
        self._remember(content, x, baseline, width, size, anchor)
        return width

    def spans(self, x: float, baseline: float, parts: Sequence[tuple[str, str]], kind: str) -> None:
        """Write parts of a line, each of a class of its own."""
        size = SIZES[kind]
        shown = [(content, look) for content, look in parts if content]
        markup = "".join(f'<tspan class="{look}">{escape(content)}</tspan>' for content, look in shown)
        width = sum(text_width(content, size, bold=True) for content, _ in shown)
        self._write(x, baseline, markup, kind, "start")
        self._remember("".join(content for content, _ in shown), x, baseline, width, size, "start")

    def math(self, x: float, baseline: float, formula: str, kind: str = "math", *, anchor: Anchor = "start") -> float:
        """Write a formula such as `c_{t-1} + i`, with letters in italics; return the estimated width."""
        size = SIZES["math"]
        pieces = re.split(r"_\{([^}]*)\}|_(\w)", formula)
        markup, width, is_below = "", 0.0, False
        for index in range(0, len(pieces), 3):
            back = f'<tspan dx="1" dy="-{number(_DROP * size)}">' if is_below and pieces[index] else ""
            markup += back + _upright(pieces[index]) + ("</tspan>" if back else "")
            width += text_width(pieces[index], size) + (1 if back else 0)
            below = next((part for part in pieces[index + 1 : index + 3] if part), "").replace("-", "−")
            is_below = bool(below)
            if below:
                look = f'dy="{number(_DROP * size)}" font-size="{number(_SUBSCRIPT * size)}"'
                markup += f"<tspan {look}>{escape(below)}</tspan>"
                width += text_width(below, _SUBSCRIPT * size)
        self._write(x, baseline, markup, kind, anchor)
        self._remember(formula, x, baseline, width, size, anchor)
        return width

    def legend(self, left: float, baseline: float, looks: Mapping[str, str]) -> None:
        """Draw what each class of rectangles means, from left to right."""
        for kind, meaning in looks.items():
            self.rect(left, baseline - 11, 12, 12, kind, radius=2)
            left += 18 + self.text(left + 18, baseline, meaning, "note") + 14

    def to_svg(self) -> str:
        """Return the content of the file."""
        body = "\n".join(self._parts)
        classes = set(" ".join(re.findall(r'class="([^"]*)"', body)).split())
        rules = [f".{name}{{{rule}}}" for name, rule in _RULES.items() if name in classes]
        base = f"text{{font-family:{SANS};fill:var(--ink);font-variant-numeric:tabular-nums}}"
        used = re.findall(r"var\(--([\w-]+)\)", base + "".join(rules))
        width, height = number(self.width), number(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc">\n'
            f'<title id="title">{escape(self._title)}</title>\n<desc id="desc">{escape(self._description)}</desc>\n'
            f"<style>\n{style_sheet(list(dict.fromkeys(used)), [base, *rules])}\n</style>\n{body}\n</svg>\n"
        )

    def _add(self, element: str, attributes: str, tip: str = "") -> None:
        inside = f"><title>{escape(tip)}</title></{element}>" if tip else "/>"
        self._parts.append(f"<{element} {attributes}{inside}")

    def _write(self, x: float, baseline: float, markup: str, kind: str, anchor: Anchor) -> None:
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(f'<text class="{kind}" x="{number(x)}" y="{number(baseline)}"{place}>{markup}</text>')

    def _remember(self, content: str, x: float, baseline: float, width: float, size: float, anchor: Anchor) -> None:
        left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        self.texts.append(DrawnText(content, left, left + width, baseline, size))


def _upright(formula: str) -> str:
    """Return markup in which everything but single letters is upright, as functions and digits are in mathematics."""
    parts = re.split(r"([a-z]{2,}|σ|[^A-Za-zσ]+)", formula)
    return "".join(
        f'<tspan class="up">{escape(part)}</tspan>' if index % 2 else escape(part)
        for index, part in enumerate(parts)
        if part
    )


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
