"""The log of a run: one line a round, as JSON Lines and as CSV."""

import csv
import io
import json
from dataclasses import asdict, fields
from pathlib import Path

from nextword.storage.single_file import write_file
from nextword.training.progress import RoundRecord, TrainingProgress


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
