"""The curve of a run: how its perplexity grows, and its picture as SVG in a notebook and in the run directory."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, override

from nextword.display.chart import Axis, log_bounds, perplexity_chart
from nextword.display.table import Markup
from nextword.errors import StorageError
from nextword.system.files import write_file
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress

Place = tuple[float, float]
"""An epoch and a perplexity."""

_AHEAD = 2.0  # the axis of epochs reaches this many times as far as the curve, but not beyond the run


@dataclass
class GrowingCurve:
    """The training and the validation perplexity of a run so far."""

    train: list[Place] = field(default_factory=list)  # epoch and training perplexity of each interval of steps
    valid: list[Place] = field(default_factory=list)  # epoch and validation perplexity of each round
    epochs: float = 0.0  # planned epochs of the run; 0 if they are not known

    @classmethod
    def of(cls, records: Sequence[RoundRecord], points: Sequence[TrainingPoint]) -> Self:
        """Return the curve of rounds and of the points within them; older runs have no points."""
        train = [(each.epoch, each.train_perplexity) for each in points or records]
        return cls(train, [(record.epoch, record.valid_perplexity) for record in records])

    def start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Begin with what a resumed run has."""
        begun = self.of(progress.records, progress.points)
        self.train, self.valid = begun.train, begun.valid
        self.epochs = plan.total_steps / plan.steps_per_epoch

    def add_point(self, point: TrainingPoint) -> None:
        """Add the loss of an interval of steps."""
        self.train.append((point.epoch, point.train_perplexity))

    def add_round(self, record: RoundRecord, plan: Plan) -> None:
        """Add the validation of a round; the plan may have changed with it."""
        self.valid.append((record.epoch, record.valid_perplexity))
        self.epochs = plan.total_steps / plan.steps_per_epoch

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not self.train and not self.valid

    @property
    def last_epoch(self) -> float:
        """The epoch where the axis ends."""
        reached = max(epoch for epoch, _ in (*self.train, *self.valid))
        return min(_AHEAD * reached, max(self.epochs, reached))

    @property
    def perplexities(self) -> tuple[float, float]:
        """The lowest and the highest perplexity of the axis, which is logarithmic."""
        return log_bounds([perplexity for _, perplexity in (*self.train, *self.valid)])


def draw_curves(
    records: Sequence[RoundRecord], directory: Path, *, points: Sequence[TrainingPoint] = (), title: str
) -> Path:
    """Draw `curves.svg`, and return its path."""
    path = directory / "curves.svg"
    write_file(path, f"{curve_picture(GrowingCurve.of(records, points), title)}\n".encode())
    return path


class CurveDrawer(TrainingObserver):
    """Draws the curve of a run after every round. If the disk refuses it, only the end of the run reports that."""

    def __init__(self, directory: Path, title: str) -> None:
        self._directory, self._title = directory, title

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        with suppress(StorageError):
            draw_curves(progress.records, self._directory, points=progress.points, title=self._title)


def curve_picture(curve: GrowingCurve, title: str = "") -> Markup:
    """Return training and validation perplexity by epoch as an SVG element; a line of text if there is no point yet.

    Args:
        curve: The curve so far.
        title: Makes it a file of its own, with this title and its own colors. If empty, text has the color of the page.
    """
    if curve.is_empty:
        return Markup('<div style="opacity:.7">The curve begins with the first steps.</div>')
    axis = Axis("epochs", 0, curve.last_epoch)
    return perplexity_chart(curve.train, curve.valid, axis, train_name="train (dropout on)", title=title).to_svg()
