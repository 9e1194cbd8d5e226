"""Keras callbacks of the user's own, beside those of the training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from nextword.errors import CheckpointError
from nextword.training.options import TrainingOptions
from nextword.training.run import Trainer
from nextword.training.step import capture
from support.arrays import assert_equal_to_the_bit

MakeTrainer = Callable[..., Trainer]
CutOff = Callable[..., None]

NUM_ROUNDS, ROUND_STEPS = 5, 6


class Counter(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """A callback as users write them."""

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
    """A callback that stops the training after a step of a round, both counted from 0."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self.epoch, self.batch, self.present = epoch, batch, -1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.present = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.present, batch) == (self.epoch, self.batch):
            self.model.stop_training = True


def test_callbacks_of_the_user_are_called_once_a_round_with_its_figures(
    finished: MakeTrainer, options: TrainingOptions, tmp_path: Path
) -> None:
    counter = Counter()
    progress = finished(tmp_path, options, callbacks=[counter]).progress
    assert counter.begun == counter.ended == list(range(NUM_ROUNDS))
    assert counter.perplexities == [record.valid_perplexity for record in progress.records]


def test_callbacks_of_the_user_are_called_for_the_rounds_that_are_left(
    finished: MakeTrainer, cut_off_after_rounds: CutOff, options: TrainingOptions, tmp_path: Path
) -> None:
    cut_off_after_rounds(tmp_path, 2, options)
    counter = Counter()
    finished(tmp_path, options, callbacks=[counter])
    assert counter.begun == counter.ended == [2, 3, 4]


@pytest.mark.parametrize("batch", [0, ROUND_STEPS - 2])
def test_a_callback_that_stops_within_a_round_leaves_the_rounds_before_it(
    batch: int, finished: MakeTrainer, make_trainer: MakeTrainer, options: TrainingOptions, tmp_path: Path
) -> None:
    stopped = make_trainer(tmp_path / "stopped", options, callbacks=[StopsWithin(2, batch)])
    progress = stopped.run()
    assert (progress.rounds, progress.steps, progress.finished) == (2, 2 * ROUND_STEPS, False)
    assert any("within round 3, of which nothing is kept" in warning for warning in stopped.warnings)
    assert_equal_to_the_bit(capture(stopped._stream), capture(make_trainer(tmp_path / "stopped", options)._stream))

    gone_on, uninterrupted = finished(tmp_path / "stopped", options), finished(tmp_path / "at-once", options)
    assert_equal_to_the_bit(gone_on.model.named_weights(), uninterrupted.model.named_weights())


def test_a_callback_that_stops_within_the_first_round_leaves_nothing(
    make_trainer: MakeTrainer, options: TrainingOptions, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="must have finished a round"):
        make_trainer(tmp_path, options, callbacks=[StopsWithin(0, 1)]).run()
