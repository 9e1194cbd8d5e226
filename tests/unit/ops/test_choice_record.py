import json
import threading
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import StorageError
from nextword.ops.choice_record import Choice, ChoiceRecord, Shape

SHAPE = Shape(64, 35, 512, 512, "bfloat16")
CHOICE = Choice("cudnn", {"scan": 0.2, "cudnn": 0.1}, {"scan": 0.01, "cudnn": 1e-4}, {"other": "it broke"})


def record_in(folder: Path) -> ChoiceRecord:
    return ChoiceRecord(folder / "new" / "choices.json", {"device": "a card", "jax": "1.2"})


def undecided() -> Choice:
    raise AssertionError("this was decided before")


def test_a_choice_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    assert record_in(tmp_path).read() == {}
    assert record_in(tmp_path).choice(SHAPE, lambda: CHOICE) == CHOICE
    assert record_in(tmp_path).choice(SHAPE, undecided) == CHOICE
    assert record_in(tmp_path).read() == {SHAPE: CHOICE}


@pytest.mark.parametrize("field", Shape._fields)
def test_a_shape_that_differs_in_anything_is_another(tmp_path: Path, field: str) -> None:
    changes: dict[str, Any] = {field: "float32" if field == "compute_dtype" else 7}
    other = SHAPE._replace(**changes)
    record_in(tmp_path).choice(SHAPE, lambda: CHOICE)
    assert record_in(tmp_path).choice(other, lambda: Choice("scan")) == Choice("scan")
    assert record_in(tmp_path).read() == {SHAPE: CHOICE, other: Choice("scan")}


def test_the_file_says_what_it_was_decided_on(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record.choice(SHAPE, lambda: CHOICE)
    assert json.loads(record.file.read_text())["about"] == {"device": "a card", "jax": "1.2"}


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"choices": [{"shape": {}, "choice": {"path": "scan"}}]}',
        b'{"choices": [{"shape": 3}]}',
    ],
)
def test_a_damaged_file_counts_as_empty_and_is_written_anew(tmp_path: Path, damaged: bytes) -> None:
    record = record_in(tmp_path)
    record.file.parent.mkdir()
    record.file.write_bytes(damaged)
    assert record.read() == {}
    assert record.choice(SHAPE, lambda: CHOICE) == CHOICE
    assert record.read() == {SHAPE: CHOICE}


def test_where_nothing_can_be_written_nothing_is_decided(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="could not be written"):
        record_in(tmp_path).choice(SHAPE, undecided)


def test_of_two_that_come_at_once_one_decides_and_the_other_waits(tmp_path: Path) -> None:
    begun, may_end, decisions = threading.Event(), threading.Event(), []

    def slowly() -> Choice:
        begun.set()
        assert may_end.wait(60)
        return CHOICE

    def choose(decide: object) -> None:
        decisions.append(record_in(tmp_path).choice(SHAPE, decide))  # type: ignore[arg-type]

    first = threading.Thread(target=choose, args=(slowly,))
    first.start()
    assert begun.wait(60)
    second = threading.Thread(target=choose, args=(lambda: Choice("scan"),))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    may_end.set()
    first.join()
    second.join()
    assert decisions == [CHOICE, CHOICE]
