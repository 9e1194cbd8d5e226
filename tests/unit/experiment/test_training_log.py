import csv
import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import StorageError
from nextword.experiment.training_log import write_log
from nextword.training.progress import RoundRecord, TrainingProgress

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
def test_both_files_hold_every_round_to_the_bit_and_nothing_of_what_was_there(
    tmp_path: Path, records: list[RoundRecord]
) -> None:
    write_log(tmp_path, TrainingProgress(records=tuple(records)))
    expected = [asdict(record) for record in records]
    assert read_jsonl(tmp_path / "log.jsonl") == expected
    assert read_csv(tmp_path / "log.csv") == expected
    header = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.split(",") == [field.name for field in fields(RoundRecord)]
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "log.csv"}


def test_a_log_that_cannot_be_written_is_an_error_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"log\.jsonl` could not be written"):
        write_log(tmp_path / "absent", TrainingProgress())
