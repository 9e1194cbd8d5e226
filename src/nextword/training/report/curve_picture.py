"""The curve of a run as SVG: in a notebook, and as `curves.svg` in the directory of a run."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import override

from nextword.disk.files import write_file
from nextword.display.svg import style_sheet
from nextword.display.table import Markup
from nextword.errors import StorageError
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress
from nextword.training.report.growing_curve import GrowingCurve, Place, even_ticks, ticks_between

_WIDTH, _HEIGHT, _HEADING = 640, 260, 28
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 26, 36
_TRAIN_COLOR, _VALID_COLOR, _BEST_COLOR = "#8a8f98", "#3b82f6", "#ea580c"
_MOST_X_TICKS, _MOST_Y_TICKS = 8, 6


def draw_curves(
    records: Sequence[RoundRecord], directory: Path, *, points: Sequence[TrainingPoint] = (), title: str
) -> Path:
    """Draw `curves.svg`, and return its path.

    Args:
        records: At least one round.
        directory: Where the picture goes.
        points: The training loss within the rounds; older runs have none.
        title: Title of the picture.

    Raises:
        StorageError: The file cannot be written.
    """
    path = directory / "curves.svg"
    write_file(path, f"{curve_picture(GrowingCurve.of(records, points), title)}\n".encode())
    return path


class CurveDrawer(TrainingObserver):
    """Draws the curve of a run after every round. If the disk refuses it, only the end of the run reports that.

    Args:
        directory: Where the picture goes.
        title: Title of the picture.
    """

    def __init__(self, directory: Path, title: str) -> None:
        self._directory, self._title = directory, title

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        with suppress(StorageError):
            draw_curves(progress.records, self._directory, points=progress.points, title=self._title)


def curve_picture(curve: GrowingCurve, title: str = "") -> Markup:
    """Return training and validation perplexity by epoch as an SVG element; a line of text if there is no place yet.

    Args:
        curve: The curve so far.
        title: Makes it a file of its own, with this title and its own colors. If empty, text has the color of the page.
    """
    if curve.is_empty:
        return Markup('<div style="opacity:.7">The curve begins with the first steps.</div>')
    axes = _Axes(curve.last_epoch, curve.perplexities)
    names = [f"train {_latest(curve.train)}", f"valid {_latest(curve.valid)}"] if curve.valid else ["train"]
    top = _HEADING if title else 0
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {-top} {_WIDTH} {_HEIGHT + top}" role="img" '
        f'aria-label="perplexity by epoch: {", ".join(names)}" font-family="sans-serif" font-size="12" '
        f'fill="currentColor" style="width:100%;max-width:{_WIDTH}px;height:auto">'
        f"{''.join(_heading(title))}{''.join(_grid(axes))}{''.join(_lines(curve, axes))}{''.join(_legend(curve))}</svg>"
    )


def _heading(title: str) -> Iterator[str]:
    if title:
        yield f"<style>{style_sheet(['ink'], ['svg{color:var(--ink);color-scheme:light dark}'])}</style>"
        yield f'<text x="{_WIDTH / 2}" y="-12" text-anchor="middle" font-size="14">{escape(title)}</text>'


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
    best = _best(curve.valid)
    for place in curve.valid:
        look = f'r="5" fill="{_BEST_COLOR}"' if [place] == best else f'r="3" fill="{_VALID_COLOR}"'
        yield f'<circle cx="{axes.x(place[0]):.1f}" cy="{axes.y(place[1]):.1f}" {look}/>'


def _legend(curve: GrowingCurve) -> Iterator[str]:
    yield '<text x="4" y="12">perplexity</text>'
    named = (
        ("train (dropout on)", curve.train, _TRAIN_COLOR),
        ("valid", curve.valid, _VALID_COLOR),
        ("best", _best(curve.valid), _BEST_COLOR),
    )
    for place, (name, places, color) in zip((150, 370, 510), named, strict=True):
        if places:
            yield f'<path d="M{place - 28} 8h22" stroke="{color}" stroke-width="2"/>'
            yield f'<text x="{place}" y="12">{name} {_latest(places)}</text>'


def _best(valid: list[Place]) -> list[Place]:
    """Return the place of the best round; none before the first round ends."""
    return sorted(valid, key=lambda place: place[1])[:1]


def _latest(places: list[Place]) -> str:
    return f"{places[-1][1]:,.1f}"
