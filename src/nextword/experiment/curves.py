"""The curves of a run: perplexity and accuracy by epoch, on training and validation text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextword.errors import MissingExtraError
from nextword.training.progress import RoundRecord

_TRAIN_COLOR, _VALID_COLOR, _BEST_COLOR = "#8a8f98", "#1f5fbf", "#c2410c"


def draw_curves(records: Sequence[RoundRecord], directory: Path, *, title: str) -> list[Path]:
    """Draw `curves.png` and `curves.svg`.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("curves need matplotlib; install it with `pip install nextword[plots]`") from error
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    perplexity, accuracy = figure.subplots(1, 2)
    _draw_perplexity(perplexity, records)
    _draw_accuracy(accuracy, records)
    figure.suptitle(title, fontsize=11)
    paths = [directory / "curves.png", directory / "curves.svg"]
    # Neither dates nor random names in the files: the same run draws the same picture.
    with rc_context({"svg.hashsalt": "nextword"}):
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths


def _draw_perplexity(axes: Any, records: Sequence[RoundRecord]) -> None:
    epochs = [record.epoch for record in records]
    valid = [record.valid_perplexity for record in records]
    axes.plot(epochs, [record.train_perplexity for record in records], color=_TRAIN_COLOR, label="train (dropout on)")
    axes.plot(epochs, valid, color=_VALID_COLOR, label="valid", marker="o", markersize=3)
    best = min(range(len(valid)), key=valid.__getitem__)
    axes.plot(epochs[best], valid[best], "o", color=_BEST_COLOR, label=f"best {valid[best]:.1f}")
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
        epochs, [100 * record.train_accuracy for record in records], color=_TRAIN_COLOR, label="train (dropout on)"
    )
    axes.plot(
        epochs,
        [100 * record.valid_accuracy for record in records],
        color=_VALID_COLOR,
        label="valid",
        marker="o",
        markersize=3,
    )
    _finish(axes, "accuracy, %")


def _finish(axes: Any, label: str) -> None:
    axes.set_xlabel("epochs")
    axes.set_ylabel(label)
    axes.grid(color="#e5e7eb", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
