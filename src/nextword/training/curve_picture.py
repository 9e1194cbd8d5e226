"""The curve of a run as a small SVG, for a notebook: it takes its text color from the page."""

import math
from collections.abc import Iterator

from nextword.storage.html_table import Markup
from nextword.training.growing_curve import GrowingCurve, Place, even_ticks, ticks_between

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 26, 36
_TRAIN_COLOR, _VALID_COLOR = "#8a8f98", "#3b82f6"
_MOST_X_TICKS, _MOST_Y_TICKS = 8, 6


def curve_picture(curve: GrowingCurve) -> Markup:
    """Return training and validation perplexity by epoch as an SVG element; a line of text if there is no place yet.

    Args:
        curve: The curve so far.
    """
    if curve.is_empty:
        return Markup('<div style="opacity:.7">The curve begins with the first steps.</div>')
    axes = _Axes(curve.last_epoch, curve.perplexities)
    names = [f"train {_latest(curve.train)}", f"valid {_latest(curve.valid)}"] if curve.valid else ["train"]
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="perplexity by epoch: {", ".join(names)}" font-family="sans-serif" font-size="12" '
        f'fill="currentColor" style="width:100%;max-width:{_WIDTH}px;height:auto">'
        f"{''.join(_grid(axes))}{''.join(_lines(curve, axes))}{''.join(_legend(curve))}</svg>"
    )


class _Axes:
    """Places on the picture: epochs from left to right, and the logarithm of the perplexity upward."""

    def __init__(self, last_epoch: float, perplexities: tuple[float, float]) -> None:
        self.last_epoch = last_epoch
        self.low, self.high = perplexities

    def x(self, epoch: float) -> float:
        """Return the place of an epoch."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * epoch / self.last_epoch

    def y(self, perplexity: float) -> float:
        """Return the place of a perplexity."""
        part = math.log(self.high / perplexity) / math.log(self.high / self.low)
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * part


def _grid(axes: _Axes) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for tick in ticks_between(axes.low, axes.high, _MOST_Y_TICKS):
        y = axes.y(tick)
        yield f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="currentColor" stroke-opacity=".15"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:,g}</text>'
    for tick in even_ticks(axes.last_epoch, _MOST_X_TICKS):
        anchor = "end" if axes.x(tick) > right - 12 else "middle"
        yield f'<text x="{axes.x(tick):.1f}" y="{bottom + 16}" text-anchor="{anchor}">{tick:.6g}</text>'
    yield f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity=".6"/>'
    yield f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">epochs</text>'


def _lines(curve: GrowingCurve, axes: _Axes) -> Iterator[str]:
    for places, color in ((curve.train, _TRAIN_COLOR), (curve.valid, _VALID_COLOR)):
        dots = " ".join(f"{axes.x(epoch):.1f},{axes.y(perplexity):.1f}" for epoch, perplexity in places)
        yield f'<polyline points="{dots}" fill="none" stroke="{color}" stroke-width="2" stroke-linejoin="round"/>'
    for epoch, perplexity in curve.valid:
        yield f'<circle cx="{axes.x(epoch):.1f}" cy="{axes.y(perplexity):.1f}" r="3" fill="{_VALID_COLOR}"/>'


def _legend(curve: GrowingCurve) -> Iterator[str]:
    yield '<text x="0" y="12">perplexity</text>'
    named = (("train (dropout on)", curve.train, _TRAIN_COLOR), ("valid", curve.valid, _VALID_COLOR))
    for place, (name, places, color) in zip((230, 450), named, strict=True):
        if places:
            yield f'<path d="M{place - 28} 8h22" stroke="{color}" stroke-width="2"/>'
            yield f'<text x="{place}" y="12">{name} {_latest(places)}</text>'


def _latest(places: list[Place]) -> str:
    return f"{places[-1][1]:,.1f}"
