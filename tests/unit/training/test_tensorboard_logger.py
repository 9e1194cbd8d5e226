"""Logs for TensorBoard, read back from the event files."""

import sys
from pathlib import Path

import numpy as np
import pytest

from nextword.errors import MissingExtraError, StorageError
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.run_logger import logged, rows_of
from nextword.training.tensorboard_logger import TensorBoardLogger, read_scalars
from support.training_records import POINTS, RECORDS

pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")

PLAN, CONFIG = Plan(20, 10, (40,)), RunConfig.of("quick")
BEFORE, WHOLE = (
    TrainingProgress(records=tuple(RECORDS[:count]), points=tuple(POINTS[: 2 * count])) for count in (1, 4)
)


def log(folder: Path, *stages: TrainingProgress) -> None:
    with logged(RunContext(callbacks=[TensorBoardLogger(folder)]), Path("run"), CONFIG) as context:
        context.observer.on_start(PLAN, stages[0])
        for progress in stages[1:]:
            context.observer.on_round(progress.records[-1], PLAN, progress)


def expected(progress: TrainingProgress) -> list[tuple[int, dict[str, float]]]:
    """The figures as event files hold them, in float32."""
    return [(step, {name: float(np.float32(value)) for name, value in row.items()}) for step, row in rows_of(progress)]


def test_the_event_file_has_each_step_once_with_all_its_figures(tmp_path: Path) -> None:
    log(tmp_path / "logs", TrainingProgress(), BEFORE, WHOLE)
    assert read_scalars(tmp_path / "logs") == expected(WHOLE)


def test_a_resumed_run_continues_in_the_folder_without_repeating_a_step(tmp_path: Path) -> None:
    log(tmp_path, TrainingProgress(), BEFORE)
    assert read_scalars(tmp_path) == expected(BEFORE)
    log(tmp_path, BEFORE, WHOLE)
    log(tmp_path, WHOLE)
    found = read_scalars(tmp_path)
    assert [step for step, _ in found] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert found == expected(WHOLE)


def test_a_record_that_a_crash_cut_off_is_written_again(tmp_path: Path) -> None:
    log(tmp_path, TrainingProgress(), BEFORE)
    (events,) = tmp_path.glob("events.*")
    content = events.read_bytes()
    end = content.rindex(b"valid/perplexity")
    events.write_bytes(content[:end])
    assert [step for step, _ in read_scalars(tmp_path)] == [5]
    log(tmp_path, BEFORE, WHOLE)
    assert read_scalars(tmp_path) == expected(WHOLE)


def test_the_settings_are_hyperparameters(tmp_path: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    from nextword.training.tensorboard_logger import _records

    log(tmp_path, TrainingProgress(), WHOLE)
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
