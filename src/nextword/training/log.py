"""The log, the curves and the metrics files of a run."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from nextword.bundle.model_card import SplitMetrics
from nextword.errors import CheckpointError
from nextword.storage.pictures import MAIN_COLOR, MARK_COLOR, QUIET_COLOR, draw_picture, finish_axes, require_matplotlib
from nextword.storage.single_file import write_file
from nextword.training.progress import RoundRecord, TrainingProgress

LOG_FILE = "log.jsonl"


def draw_curves(records: Sequence[RoundRecord], directory: Path, *, title: str) -> list[Path]:
    """Draw `curves.png` and `curves.svg`.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: The files cannot be written.
    """
    require_matplotlib("curves")
    paths = [directory / "curves.png", directory / "curves.svg"]
    for path in paths:
        draw_picture(path, (9, 3.8), lambda figure: _draw(figure, records, title))
    return paths


def _draw(figure: Any, records: Sequence[RoundRecord], title: str) -> None:
    perplexity, accuracy = figure.subplots(1, 2)
    train, valid = _draw_lines(perplexity, records, "perplexity")
    best = min(range(len(valid)), key=valid.__getitem__)
    perplexity.plot(records[best].epoch, valid[best], "o", color=MARK_COLOR, label=f"best {valid[best]:.1f}")
    perplexity.set_yscale("log")
    ticks = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]
    perplexity.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    perplexity.minorticks_off()
    perplexity.set_ylim(min(valid + train) / 1.15, max(valid[0], train[0]) * 1.15)
    _draw_lines(accuracy, records, "accuracy", factor=100)
    for axes, label in ((perplexity, "perplexity"), (accuracy, "accuracy, %")):
        axes.set_xlabel("epochs")
        axes.set_ylabel(label)
        axes.legend(frameon=False, fontsize=9)
        finish_axes(axes)
    figure.suptitle(title, fontsize=11)


def _draw_lines(axes: Any, records: Sequence[RoundRecord], name: str, factor: int = 1) -> tuple[list[float], ...]:
    """Plot a metric by epoch, and return its training and its validation values."""
    epochs = [record.epoch for record in records]
    train, valid = ([factor * getattr(record, f"{split}_{name}") for record in records] for split in ("train", "valid"))
    axes.plot(epochs, train, color=QUIET_COLOR, label="train (dropout on)")
    axes.plot(epochs, valid, color=MAIN_COLOR, label="valid", marker="o", markersize=3)
    return train, valid


def write_log(directory: Path, progress: TrainingProgress) -> None:
    """Write `log.jsonl` and `log.csv` from all rounds so far.

    The log is rewritten from the progress in the checkpoint. A run that was killed between writing the two therefore
    neither loses nor repeats a line.
    """
    rows = [asdict(record) for record in progress.records]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    table = io.StringIO()
    writer = csv.DictWriter(table, [field.name for field in fields(RoundRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(directory / LOG_FILE, lines.encode())
    write_file(directory / "log.csv", table.getvalue().encode())


def read_log(path: Path) -> tuple[RoundRecord, ...]:
    """Return the rounds in a `log.jsonl`; empty if there is no such file yet.

    Raises:
        CheckpointError: The file cannot be read, or is not a log.
    """
    return _read(path, lambda text: tuple(RoundRecord(**json.loads(line)) for line in text.splitlines()))


def read_split_metrics(path: Path) -> tuple[SplitMetrics, ...]:
    """Return the metrics of each split in a `metrics.json`; empty if there is no such file yet.

    Raises:
        CheckpointError: The file cannot be read, or holds no metrics.
    """
    return _read(path, lambda text: tuple(SplitMetrics(**row) for row in json.loads(text)["splits"]))


def _read[Row](path: Path, parse: Callable[[str], tuple[Row, ...]]) -> tuple[Row, ...]:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CheckpointError(
            f"`{path}` must be a file written by a training run, but cannot be read ({error}); "
            f"write it again with `nextword train --resume {path.parent}`"
        ) from error
