"""What a run tells while it trains: its observers, its log and its curves."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Protocol

from nextword.storage.pictures import MAIN_COLOR, MARK_COLOR, QUIET_COLOR, draw_picture, finish_axes, require_matplotlib
from nextword.storage.single_file import write_file
from nextword.training.plan import RoundPlan
from nextword.training.progress import RoundRecord, TrainingProgress


def draw_curves(records: Sequence[RoundRecord], directory: Path, *, title: str) -> list[Path]:
    """Draw `curves.png` and `curves.svg`.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: The disk refused.
    """
    require_matplotlib("curves")
    paths = [directory / "curves.png", directory / "curves.svg"]
    for path in paths:
        draw_picture(path, (9, 3.8), lambda figure: _draw(figure, records, title))
    return paths


def _draw(figure: Any, records: Sequence[RoundRecord], title: str) -> None:
    perplexity, accuracy = figure.subplots(1, 2)
    _draw_perplexity(perplexity, records)
    _draw_accuracy(accuracy, records)
    figure.suptitle(title, fontsize=11)


def _draw_perplexity(axes: Any, records: Sequence[RoundRecord]) -> None:
    epochs = [record.epoch for record in records]
    valid = [record.valid_perplexity for record in records]
    axes.plot(epochs, [record.train_perplexity for record in records], color=QUIET_COLOR, label="train (dropout on)")
    axes.plot(epochs, valid, color=MAIN_COLOR, label="valid", marker="o", markersize=3)
    best = min(range(len(valid)), key=valid.__getitem__)
    axes.plot(epochs[best], valid[best], "o", color=MARK_COLOR, label=f"best {valid[best]:.1f}")
    axes.set_yscale("log")
    ticks = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]
    axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    low, high = min(valid + [record.train_perplexity for record in records]), max(valid[0], records[0].train_perplexity)
    axes.set_ylim(low / 1.15, high * 1.15)
    _finish(axes, "perplexity")


def _draw_accuracy(axes: Any, records: Sequence[RoundRecord]) -> None:
    epochs = [record.epoch for record in records]
    axes.plot(
        epochs, [100 * record.train_accuracy for record in records], color=QUIET_COLOR, label="train (dropout on)"
    )
    axes.plot(
        epochs,
        [100 * record.valid_accuracy for record in records],
        color=MAIN_COLOR,
        label="valid",
        marker="o",
        markersize=3,
    )
    _finish(axes, "accuracy, %")


def _finish(axes: Any, label: str) -> None:
    axes.set_xlabel("epochs")
    axes.set_ylabel(label)
    axes.legend(frameon=False, fontsize=9)
    finish_axes(axes)


def write_log(directory: Path, progress: TrainingProgress) -> None:
    """Write `log.jsonl` and `log.csv` anew from all rounds so far.

    The checkpoint is the truth and the log follows from it, so that a run that was killed between the two has no
    line too few and none twice.
    """
    rows = [asdict(record) for record in progress.records]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    table = io.StringIO()
    writer = csv.DictWriter(table, [field.name for field in fields(RoundRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(directory / "log.jsonl", lines.encode())
    write_file(directory / "log.csv", table.getvalue().encode())


class TrainingObserver(Protocol):
    """What a trainer reports, and when. Observers see; they do not steer."""

    def on_start(self, plan: RoundPlan, progress: TrainingProgress) -> None:
        """Training begins, or goes on where `progress` stands."""

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Some steps were taken, `step` in all; called about once a second."""

    def on_validation(self) -> None:
        """A round's steps are done, and its validation begins."""

    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        """A round ended and its checkpoint is safe."""


class SilentObserver:
    """An observer that says nothing."""

    def on_start(self, plan: RoundPlan, progress: TrainingProgress) -> None:
        """Say nothing."""

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Say nothing."""

    def on_validation(self) -> None:
        """Say nothing."""

    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        """Say nothing."""
