"""The curve of a run as SVG: in a notebook, and as `curves.svg` in the directory of a run."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import override

from nextword.disk.files import write_file
from nextword.display.chart import Axis, perplexity_chart
from nextword.display.table import Markup
from nextword.errors import StorageError
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress
from nextword.training.report.growing_curve import GrowingCurve


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
    """Return training and validation perplexity by epoch as an SVG element; a line of text if there is no point yet.

    Args:
        curve: The curve so far.
        title: Makes it a file of its own, with this title and its own colors. If empty, text has the color of the page.
    """
    if curve.is_empty:
        return Markup('<div style="opacity:.7">The curve begins with the first steps.</div>')
    axis = Axis("epochs", 0, curve.last_epoch)
    return perplexity_chart(curve.train, curve.valid, axis, train_name="train (dropout on)", title=title).to_svg()
