"""User callbacks of Keras in a run."""

from pathlib import Path
from typing import Any

import keras
import pytest

from nextword.errors import CheckpointError
from support.arrays import assert_equal_to_the_bit
from support.training_runs import OPTIONS, cut_off_after_rounds, finished, make_run

NUM_ROUNDS, ROUND_STEPS = 5, 6


class Recorder(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Records the beginning and end of the run and of its rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.told.append("begin")

    def on_train_end(self, logs: Any = None) -> None:
        self.told.append("end")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.told.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.told.append((epoch, logs["val_perplexity"]))


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


@pytest.mark.parametrize("done", [0, 2])
def test_callbacks_see_one_run_and_each_remaining_round_as_an_epoch(done: int, tmp_path: Path) -> None:
    cut_off_after_rounds(tmp_path, done, OPTIONS)
    recorder = Recorder()
    run = finished(tmp_path, OPTIONS, callbacks=[recorder])
    valid = [record.valid_perplexity for record in run.progress.records]
    rounds = [told for epoch in range(done, NUM_ROUNDS) for told in (epoch, (epoch, valid[epoch]))]
    assert recorder.told == ["begin", *rounds, "end"]
    assert (recorder.params["epochs"], recorder.params["steps"]) == (NUM_ROUNDS, ROUND_STEPS)
    assert recorder.model is run.step.stream


def test_early_stopping_remembers_earlier_rounds(tmp_path: Path) -> None:
    constant = OPTIONS.replace(schedule="constant")
    expected = finished(tmp_path / "patience", constant.replace(patience=1), unlike=True).progress
    assert 1 < expected.rounds < NUM_ROUNDS
    recorder, stopping = Recorder(), keras.callbacks.EarlyStopping(monitor="val_perplexity", mode="min", patience=1)
    progress = make_run(tmp_path / "stopped", constant, unlike=True, callbacks=[stopping, recorder]).run()
    assert (progress.rounds, progress.best_round) == (expected.rounds, expected.best_round)
    assert progress.rounds == progress.best_round + 1
    assert stopping.stopped_epoch == progress.rounds - 1
    assert not progress.finished
    assert (recorder.told[0], recorder.told[-1]) == ("begin", "end")
    # It can be resumed without the callback.
    assert finished(tmp_path / "stopped", constant, unlike=True).progress.rounds == NUM_ROUNDS


@pytest.mark.parametrize("batch", [0, ROUND_STEPS - 2])
def test_a_callback_that_stops_within_a_round_keeps_the_earlier_rounds(batch: int, tmp_path: Path) -> None:
    warnings: list[str] = []
    stopped = make_run(tmp_path / "stopped", OPTIONS, callbacks=[StopsWithin(2, batch)], warn=warnings.append)
    progress = stopped.run()
    assert (progress.rounds, progress.steps, progress.finished) == (2, 2 * ROUND_STEPS, False)
    assert any("within round 3; its steps are discarded" in warning for warning in warnings)
    assert_equal_to_the_bit(stopped.step.capture(), make_run(tmp_path / "stopped", OPTIONS).step.capture())

    gone_on, uninterrupted = finished(tmp_path / "stopped", OPTIONS), finished(tmp_path / "at-once", OPTIONS)
    assert_equal_to_the_bit(gone_on.step.model.named_weights(), uninterrupted.step.model.named_weights())


def test_a_callback_that_stops_within_the_first_round_keeps_nothing(tmp_path: Path) -> None:
    warnings: list[str] = []
    stopped = make_run(tmp_path, OPTIONS, callbacks=[StopsWithin(0, 1)], warn=warnings.append)
    with pytest.raises(CheckpointError, match="must have at least one finished round"):
        stopped.run()
    assert len(warnings) == 1
