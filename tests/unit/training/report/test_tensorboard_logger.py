"""Logs for TensorBoard, read back from the event files by TensorBoard's own reader."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest

from nextword.errors import MissingExtraError, StorageError, TrainingWarning
from nextword.training.report.tensorboard_logger import TensorBoardLogger


def fit(directory: Path, epochs: int, initial_epoch: int = 0, *callbacks: keras.callbacks.Callback) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.125), loss="mse")
    x, y = np.ones((4, 2)), np.ones((4, 1))
    given = {"verbose": 0, "validation_data": (x, y), "epochs": epochs, "initial_epoch": initial_epoch}
    model.fit(x, y, callbacks=[TensorBoardLogger(directory), *callbacks], **given)


def shown_by_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return step and value of the scalars of each name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of TensorBoard's own packages
        from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray

        events = EventAccumulator(str(folder))
        events.Reload()
        names = events.Tags()["tensors"]
        return {
            name: [(each.step, make_ndarray(each.tensor_proto).item()) for each in events.Tensors(name)]
            for name in names
        }


def test_each_epoch_is_a_step_and_a_second_log_continues_the_first(tmp_path: Path) -> None:
    fit(tmp_path / "logs", 2)
    fit(tmp_path / "logs", 3, 2)
    scalars = shown_by_tensorboard(tmp_path / "logs")
    assert set(scalars) == {"train/loss", "valid/loss", "learning_rate"}
    assert scalars["learning_rate"] == [(1, 0.125), (2, 0.125), (3, 0.125)]
    assert [step for step, _ in scalars["valid/loss"]] == [1, 2, 3]


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


def test_a_full_disk_ends_the_log_and_not_the_training(tmp_path: Path) -> None:
    ended = list[int]()
    epochs = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _logs: ended.append(epoch))
    with (
        files_end_at(100),
        pytest.warns(TrainingWarning, match="takes no more of the log .* continues without it") as it,
    ):
        fit(tmp_path, 3, 0, epochs)
    assert len(it) == 1
    assert ended == [0, 1, 2]


def test_without_tensorboardx_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match="need tensorboardX, which is missing; install the extra `all`"):
        TensorBoardLogger(tmp_path)


def test_a_place_that_is_no_folder_is_an_error_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="must take a log, but does not"):
        fit(tmp_path / "file" / "run", 1)
