"""The history of a training run: what each round measured, and its log on disk."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import overload

from nextword.bundle.run_directory import LOG_FILE, read_rows
from nextword.display.table import html_stack, html_table
from nextword.errors import SettingError, counted
from nextword.system.files import disk_errors, write_file
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress
from nextword.training.report.curve import GrowingCurve, curve_picture, draw_curves

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
