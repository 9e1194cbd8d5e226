"""User callbacks of Keras in a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from nextword.errors import CheckpointError
from nextword.training.options import TrainingOptions
from nextword.training.run import TrainingRun
from support.arrays import assert_equal_to_the_bit

MakeRun = Callable[..., TrainingRun]
CutOff = Callable[..., None]

NUM_ROUNDS, ROUND_STEPS = 5, 6


class Counter(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """A typical user callback."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.perplexities: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ended.append(epoch)
        self.perplexities.append(float(logs["val_perplexity"]))


class StopsWithin(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """A callback that stops training after a step of a round, both from 0."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self.epoch, self.batch, self.present = epoch, batch, -1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.present = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.present, batch) == (self.epoch, self.batch):
            self.model.stop_training = True


class Life(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Counts the starts and ends of the run."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.told.append("begin")

    def on_train_end(self, logs: Any = None) -> None:
        self.told.append("end")


def test_callbacks_begin_and_end_with_the_run_and_receive_its_length(
    finished: MakeRun, options: TrainingOptions, tmp_path: Path
) -> None:
    life = Life()
    run = finished(tmp_path, options, callbacks=[life])
    assert life.told == ["begin", "end"]
    assert (life.params["epochs"], life.params["steps"]) == (NUM_ROUNDS, ROUND_STEPS)
    assert life.model is run.step.stream


def test_early_stopping_remembers_earlier_rounds(
    finished: MakeRun, make_run: MakeRun, options: TrainingOptions, tmp_path: Path
) -> None:
    constant = options.replace(schedule="constant")
    expected = finished(tmp_path / "patience", constant.replace(patience=1), unlike=True).progress
    assert 1 < expected.rounds < NUM_ROUNDS
    life, stopping = Life(), keras.callbacks.EarlyStopping(monitor="val_perplexity", mode="min", patience=1)
    progress = make_run(tmp_path / "stopped", constant, unlike=True, callbacks=[stopping, life]).run()
    assert (progress.rounds, progress.best_round) == (expected.rounds, expected.best_round)
    assert progress.rounds == progress.best_round + 1
    assert stopping.stopped_epoch == progress.rounds - 1
    assert not progress.finished
    assert life.told == ["begin", "end"]
    # It can be resumed without the callback.
    assert finished(tmp_path / "stopped", constant, unlike=True).progress.rounds == NUM_ROUNDS


def test_user_callbacks_are_called_once_a_round_with_its_metrics(
    finished: MakeRun, options: TrainingOptions, tmp_path: Path
) -> None:
    counter = Counter()
    progress = finished(tmp_path, options, callbacks=[counter]).progress
    assert counter.begun == counter.ended == list(range(NUM_ROUNDS))
    assert counter.perplexities == [record.valid_perplexity for record in progress.records]


def test_user_callbacks_are_called_for_the_remaining_rounds(
    finished: MakeRun, cut_off_after_rounds: CutOff, options: TrainingOptions, tmp_path: Path
) -> None:
    cut_off_after_rounds(tmp_path, 2, options)
    counter = Counter()
    finished(tmp_path, options, callbacks=[counter])
    assert counter.begun == counter.ended == [2, 3, 4]


@pytest.mark.parametrize("batch", [0, ROUND_STEPS - 2])
def test_a_callback_that_stops_within_a_round_keeps_the_earlier_rounds(
    batch: int, finished: MakeRun, make_run: MakeRun, options: TrainingOptions, tmp_path: Path
) -> None:
    warnings: list[str] = []
    stopped = make_run(tmp_path / "stopped", options, callbacks=[StopsWithin(2, batch)], warn=warnings.append)
    progress = stopped.run()
    assert (progress.rounds, progress.steps, progress.finished) == (2, 2 * ROUND_STEPS, False)
    assert any("within round 3; its steps are discarded" in warning for warning in warnings)
    assert_equal_to_the_bit(stopped.step.capture(), make_run(tmp_path / "stopped", options).step.capture())

    gone_on, uninterrupted = finished(tmp_path / "stopped", options), finished(tmp_path / "at-once", options)
    assert_equal_to_the_bit(gone_on.step.model.named_weights(), uninterrupted.step.model.named_weights())


def test_a_callback_that_stops_within_the_first_round_keeps_nothing(
    make_run: MakeRun, options: TrainingOptions, tmp_path: Path
) -> None:
    warnings: list[str] = []
    stopped = make_run(tmp_path, options, callbacks=[StopsWithin(0, 1)], warn=warnings.append)
    with pytest.raises(CheckpointError, match="must have at least one finished round"):
        stopped.run()
    assert len(warnings) == 1
