"""Logs for TensorBoard, read back from the event files by TensorBoard's own reader and by ours."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.errors import MissingExtraError, StorageError
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.progress import TrainingProgress
from nextword.training.report.history import write_log
from nextword.training.report.run_logger import logged, rows_of
from nextword.training.report.tensorboard_logger import TensorBoardLogger, read_scalars
from support.tensorboard_reader import shown_by_tensorboard
from support.training_records import PLAN, STAGES, log_run

pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")

CONFIG = RunConfig.of("quick")
BEGIN, BEFORE, WHOLE = STAGES[0], STAGES[1], STAGES[4]


def log(folder: Path, *stages: TrainingProgress, **options: Any) -> None:
    log_run(TensorBoardLogger(folder), *stages, **options)


def expected(progress: TrainingProgress) -> list[tuple[int, dict[str, float]]]:
    """The figures as event files hold them, in float32."""
    return [(step, {name: float(np.float32(value)) for name, value in row.items()}) for step, row in rows_of(progress)]


def test_the_event_file_has_each_step_once_with_all_its_figures(tmp_path: Path) -> None:
    log(tmp_path / "logs", BEGIN, BEFORE, WHOLE)
    assert read_scalars(tmp_path / "logs") == expected(WHOLE)
    assert shown_by_tensorboard(tmp_path / "logs") == expected(WHOLE)


def test_a_resumed_run_continues_in_the_folder_without_repeating_a_step(tmp_path: Path) -> None:
    log(tmp_path, BEGIN, BEFORE)
    assert read_scalars(tmp_path) == expected(BEFORE)
    log(tmp_path, BEFORE, WHOLE)
    log(tmp_path, WHOLE)
    found = read_scalars(tmp_path)
    assert [step for step, _ in found] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert found == expected(WHOLE)


def test_a_record_that_a_crash_cut_off_is_written_again(tmp_path: Path) -> None:
    log(tmp_path, BEGIN, BEFORE)
    (events,) = tmp_path.glob("events.*")
    content = events.read_bytes()
    end = content.rindex(b"valid/perplexity")
    events.write_bytes(content[:end])
    assert [step for step, _ in read_scalars(tmp_path)] == [5]
    log(tmp_path, BEFORE, WHOLE)
    assert read_scalars(tmp_path) == expected(WHOLE)
    assert shown_by_tensorboard(tmp_path) == expected(WHOLE)


def test_of_a_log_that_is_ahead_of_its_run_the_later_steps_are_replaced(tmp_path: Path) -> None:
    log(tmp_path / "logs", BEGIN, BEFORE, WHOLE)
    write_log(tmp_path, WHOLE)
    warned: list[str] = []
    again = replace(WHOLE, points=tuple(replace(each, train_perplexity=7.0) for each in WHOLE.points))
    begun = BEFORE
    whole = replace(again, points=(*WHOLE.points[:2], *again.points[2:]))
    log(tmp_path / "logs", begun, run=tmp_path, warn=warned.append)
    assert shown_by_tensorboard(tmp_path / "logs") == read_scalars(tmp_path / "logs") == expected(begun)
    log(tmp_path / "logs", begun, whole)
    assert shown_by_tensorboard(tmp_path / "logs") == read_scalars(tmp_path / "logs") == expected(whole)
    assert [warning.partition("; ")[2] for warning in warned] == [
        "the log continues after step 10 in a new file, and TensorBoard drops the steps after it"
    ]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let every write to a file fail beyond a size, as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs the limits of a POSIX system")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [10, 300])
def test_after_a_full_disk_the_next_round_writes_what_is_missing(tmp_path: Path, room: int) -> None:
    warned: list[str] = []
    with logged(RunContext(callbacks=[TensorBoardLogger(tmp_path)], warn=warned.append), tmp_path, CONFIG) as context:
        context.observer.on_start(PLAN, BEFORE)
        (events,) = tmp_path.glob("events.*")
        with files_end_at(events.stat().st_size + room):
            context.observer.on_round(WHOLE.records[-1], PLAN, WHOLE)
            context.observer.on_round(WHOLE.records[-1], PLAN, WHOLE)
        context.observer.on_round(WHOLE.records[-1], PLAN, WHOLE)
    assert len(warned) == 1
    assert "File too large" in warned[0]
    assert shown_by_tensorboard(tmp_path) == read_scalars(tmp_path) == expected(WHOLE)


def test_the_settings_are_hyperparameters(tmp_path: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    from nextword.training.report.tensorboard_logger import _records

    log(tmp_path, BEGIN, WHOLE)
    (events,) = tmp_path.glob("events.*")
    values = [value for record in _records(events.read_bytes()) for value in Event.FromString(record).summary.value]
    data = {value.tag: value.metadata.plugin_data.content for value in values if "_hparams_" in value.tag}
    session = HParamsPluginData.FromString(data["_hparams_/session_start_info"]).session_start_info
    assert session.hparams["training.learning_rate"].number_value == CONFIG.training.learning_rate
    assert session.hparams["preset"].string_value == "quick"
    assert "_hparams_/session_end_info" in data


def test_without_tensorboardx_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match="need tensorboardX, which is missing; install the extra `tensorboard`"):
        TensorBoardLogger(tmp_path)


def test_a_place_that_is_no_folder_is_an_error_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    context = RunContext(callbacks=[TensorBoardLogger(tmp_path / "file" / "run")])
    with pytest.raises(StorageError, match="must take a log, but does not"), logged(context, tmp_path, CONFIG):
        pytest.fail("training began")
