"""The log of a run: its rounds, and the points within them."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from nextword.bundle.run_directory import LOG_FILE, read_rows
from nextword.disk.files import write_file
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress

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
    """Return the rounds in a `log.jsonl`; empty if there is no such file yet.

    Raises:
        CheckpointError: The file cannot be read, or is not a log.
    """
    return read_rows(path, lambda text: tuple(RoundRecord(**json.loads(line)) for line in text.splitlines()))


def read_points(path: Path) -> tuple[TrainingPoint, ...]:
    """Return the points in a `points.jsonl`; empty if there is no such file, as in older runs.

    Raises:
        CheckpointError: The file cannot be read, or holds no points.
    """
    return read_rows(path, lambda text: tuple(TrainingPoint(**json.loads(line)) for line in text.splitlines()))


def _json_lines(rows: Sequence[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
