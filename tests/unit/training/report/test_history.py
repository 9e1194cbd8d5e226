import csv
import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import CheckpointError, StorageError
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.report.history import read_log, read_points, write_log
from support.training_records import POINTS, RECORDS

records = st.lists(
    st.builds(
        RoundRecord,
        **{
            field.name: st.integers(0, 10**6) if field.type is int else st.floats(0, 1e9, allow_nan=False)
            for field in fields(RoundRecord)
        },
    ),
    max_size=5,
)


def read_csv(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def read_jsonl(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(records)
def test_both_files_have_every_round_exactly_and_nothing_else(tmp_path: Path, records: list[RoundRecord]) -> None:
    write_log(tmp_path, TrainingProgress(records=tuple(records)))
    expected = [asdict(record) for record in records]
    assert read_jsonl(tmp_path / "log.jsonl") == expected
    assert read_csv(tmp_path / "log.csv") == expected
    header = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.split(",") == [field.name for field in fields(RoundRecord)]
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "log.csv", "points.jsonl"}


def test_a_log_that_cannot_be_written_is_an_error_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"points\.jsonl` could not be written"):
        write_log(tmp_path / "absent", TrainingProgress())


def test_a_written_log_is_read_back(tmp_path: Path) -> None:
    assert read_log(tmp_path / "log.jsonl") == ()
    assert read_points(tmp_path / "points.jsonl") == ()
    write_log(tmp_path, TrainingProgress(records=tuple(RECORDS), points=tuple(POINTS)))
    assert read_log(tmp_path / "log.jsonl") == tuple(RECORDS)
    assert read_points(tmp_path / "points.jsonl") == tuple(POINTS)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"{}", b"\xff"])
def test_a_damaged_log_is_an_error_with_a_repair(tmp_path: Path, content: bytes) -> None:
    for name, read in (("log.jsonl", read_log), ("points.jsonl", read_points)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            CheckpointError, match=rf"{name}` must be a file written by a training run.*--resume {tmp_path}"
        ):
            read(tmp_path / name)
