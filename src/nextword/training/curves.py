"""The curves of a run: perplexity, accuracy, learning rate and speed by epoch."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, override

from nextword.errors import MissingExtraError, StorageError
from nextword.storage.pictures import MAIN_COLOR, MARK_COLOR, QUIET_COLOR, draw_picture, finish_axes, require_matplotlib
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress

CURVES = ("curves.png", "curves.svg")

_TICKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
_MOST_TIME = 0.02
"""The part of the time of a run that drawing may take."""


def draw_curves(
    records: Sequence[RoundRecord], directory: Path, *, points: Sequence[TrainingPoint] = (), title: str
) -> list[Path]:
    """Draw `curves.png` and `curves.svg`.

    Args:
        records: At least one round.
        directory: Where the pictures go.
        points: The training loss within the rounds; older runs have none.
        title: Title of the pictures.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: The files cannot be written.
    """
    require_matplotlib("curves")
    paths = [directory / name for name in CURVES]
    for path in paths:
        draw_picture(path, (9, 6.4), lambda figure: _draw(figure, records, points or records, title))
    return paths


class CurveDrawer(TrainingObserver):
    """Draws the curves of a run after every round, unless that would take more than 2 % of its time.

    Without matplotlib or space on the disk it draws nothing; the end of the run reports that.

    Args:
        directory: Where the pictures go.
        title: Title of the pictures.
        clock: Returns the time in seconds.
    """

    def __init__(self, directory: Path, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory, self._title, self._clock = directory, title, clock
        self._not_before = 0.0

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        began = self._clock()
        if progress.finished or began < self._not_before:  # the end of the run draws the last picture
            return
        try:
            draw_curves(progress.records, self._directory, points=progress.points, title=self._title)
        except (MissingExtraError, StorageError):
            self._not_before = float("inf")
            return
        ended = self._clock()
        self._not_before = ended + (ended - began) / _MOST_TIME


def _draw(
    figure: Any, records: Sequence[RoundRecord], points: Sequence[TrainingPoint | RoundRecord], title: str
) -> None:
    (perplexity, accuracy), (rate, speed) = figure.subplots(2, 2, sharex=True, height_ratios=(5, 3))
    _draw_perplexity(perplexity, records, points)
    _plot(accuracy, records, "train_accuracy", 100, color=QUIET_COLOR, label="train (dropout on)")
    _plot(accuracy, records, "valid_accuracy", 100, color=MAIN_COLOR, label="valid", marker="o", markersize=3)
    _plot(rate, points, "learning_rate", color=MAIN_COLOR)
    _plot(speed, points, "words_per_second", color=MAIN_COLOR)
    named = {"perplexity": perplexity, "accuracy, %": accuracy, "learning rate": rate, "words/s": speed}
    for label, axes in named.items():
        axes.set_ylabel(label)
        finish_axes(axes)
    for axes in (perplexity, accuracy):
        axes.legend(frameon=False, fontsize=9)
    for axes in (rate, speed):
        axes.set_xlabel("epochs")
        axes.set_ylim(bottom=0)
    figure.suptitle(title, fontsize=11)


def _draw_perplexity(axes: Any, records: Sequence[RoundRecord], points: Sequence[TrainingPoint | RoundRecord]) -> None:
    train = _plot(axes, points, "train_perplexity", color=QUIET_COLOR, label="train (dropout on)")
    valid = _plot(axes, records, "valid_perplexity", color=MAIN_COLOR, label="valid", marker="o", markersize=3)
    best = min(range(len(valid)), key=valid.__getitem__)
    axes.plot(records[best].epoch, valid[best], "o", color=MARK_COLOR, label=f"best {valid[best]:.1f}")
    axes.set_yscale("log")
    axes.set_yticks(_TICKS, [f"{tick:,}" for tick in _TICKS])
    axes.minorticks_off()
    axes.set_ylim(min(valid + train) / 1.15, max(valid[0], train[0]) * 1.15)


def _plot(
    axes: Any, rows: Sequence[TrainingPoint | RoundRecord], name: str, factor: int = 1, **look: Any
) -> list[float]:
    """Plot a figure by epoch, and return its values."""
    values = [factor * getattr(row, name) for row in rows]
    axes.plot([row.epoch for row in rows], values, **look)
    return values
