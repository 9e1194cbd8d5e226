"""The history of a training run: what each round measured, its log on disk, and its curve, as SVG."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self, overload, override

from nextword.bundle.run_directory import LOG_FILE, read_rows
from nextword.display.chart import Axis, log_bounds, perplexity_chart
from nextword.display.table import Markup, html_stack, html_table
from nextword.errors import SettingError, StorageError, counted
from nextword.system.files import disk_errors, write_file
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


_SHOWN_ROUNDS = 10


@dataclass(frozen=True)
class TrainingHistory(Sequence[RoundRecord]):
    """The records of a training run, one for each round, in order.

    Attributes:
        records: The records.
        points: The training loss within the rounds; empty for a run of an older version.

    Example:
        >>> first = RoundRecord(1, 100, 0.5, 1e-3, 220.0, 0.15, 180.0, 0.17, 9_000.0, 12.0)
        >>> second = RoundRecord(2, 200, 1.0, 0.0, 160.0, 0.18, 150.0, 0.19, 9_000.0, 24.0)
        >>> history = TrainingHistory((first, second))
        >>> history.valid_perplexity, history.best.round
        ([180.0, 150.0], 2)
    """

    records: tuple[RoundRecord, ...]
    points: tuple[TrainingPoint, ...] = ()

    @classmethod
    def of_run(cls, run: Path) -> "TrainingHistory":
        """Read the history of a run directory; it is empty before the first round ends.

        Raises:
            CheckpointError: The log of the run cannot be read.
        """
        return cls(read_log(run / LOG_FILE), read_points(run / POINTS_FILE))

    def __repr__(self) -> str:
        if not self.records:
            return "TrainingHistory(no rounds)"
        best = self.best
        rounds = counted(len(self), "round")
        return f"TrainingHistory({rounds}, best valid perplexity {best.valid_perplexity:,.2f} in round {best.round})"

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{each.round:,}",
                f"{each.epoch:.2f}",
                f"{each.train_perplexity:,.2f}",
                f"{each.valid_perplexity:,.2f}",
                f"{each.valid_accuracy:.2%}",
                f"{each.learning_rate:.2g}",
                f"{each.words_per_second:,.0f}",
            )
            for each in self.records[-_SHOWN_ROUNDS:]
        ]
        names = ("round", "epoch", "train perplexity", "valid perplexity", "valid accuracy", "learning rate", "words/s")
        curve = curve_picture(GrowingCurve.of(self.records, self.points))
        return html_stack(curve, html_table(names, rows, title=repr(self), left=0))

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> RoundRecord: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RoundRecord, ...]: ...
    def __getitem__(self, index: int | slice) -> RoundRecord | tuple[RoundRecord, ...]:
        return self.records[index]

    @property
    def epochs(self) -> list[float]:
        """Epochs read by the end of each round."""
        return [record.epoch for record in self.records]

    @property
    def train_perplexity(self) -> list[float]:
        """Perplexity on the training text in each round, measured with dropout."""
        return [record.train_perplexity for record in self.records]

    @property
    def valid_perplexity(self) -> list[float]:
        """Perplexity on the validation split after each round."""
        return [record.valid_perplexity for record in self.records]

    @property
    def best(self) -> RoundRecord:
        """The round with the lowest validation perplexity; the start of a run from a base is none.

        Raises:
            IndexError: There are no rounds.
        """
        if not self.records:
            raise IndexError("a history without rounds has no best one")
        return min(self.records, key=lambda record: record.valid_perplexity)

    def plot(self, directory: str | Path, *, title: str = "Training") -> Path:
        """Draw training and validation perplexity by epoch as `curves.svg`, and return its path.

        Args:
            directory: Where the picture goes; created if it is missing.
            title: Title of the picture.

        Raises:
            SettingError: There are no rounds.
            StorageError: The file cannot be written.
        """
        if not self.records:
            raise SettingError("a curve must have at least one round, but there is none; train the model first")
        directory = Path(directory)
        with disk_errors(directory, "created"):
            directory.mkdir(parents=True, exist_ok=True)
        return draw_curves(self.records, directory, points=self.points, title=title)


POINTS_FILE = "points.jsonl"


def write_log(directory: Path, progress: TrainingProgress) -> None:
    """Write `log.jsonl` and `log.csv` from all rounds so far, and `points.jsonl` from the points within them.

    They are rewritten from the progress in the checkpoint. A run that was killed between writing the two therefore
    neither loses nor repeats a line.
    """
    rows = [asdict(record) for record in progress.records]
    table = io.StringIO()
    writer = csv.DictWriter(table, [field.name for field in fields(RoundRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(directory / POINTS_FILE, _json_lines([asdict(point) for point in progress.points]))
    write_file(directory / LOG_FILE, _json_lines(rows))
    write_file(directory / "log.csv", table.getvalue().encode())


def read_log(path: Path) -> tuple[RoundRecord, ...]:
    """Return the rounds in a `log.jsonl`; empty if there is no such file yet."""
    return read_rows(path, lambda text: tuple(RoundRecord(**json.loads(line)) for line in text.splitlines()))


def read_points(path: Path) -> tuple[TrainingPoint, ...]:
    """Return the points in a `points.jsonl`; empty if there is no such file, as in older runs."""
    return read_rows(path, lambda text: tuple(TrainingPoint(**json.loads(line)) for line in text.splitlines()))


def _json_lines(rows: Sequence[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
