"""The windows of a round, and the compiled training step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.text.batching.window import Streams
from nextword.training.step.round_callbacks import RoundCallbacks
from nextword.training.step.step import RoundDataset
from nextword.training.step.stream_model import StreamModel
from support.arrays import assert_equal_to_the_bit
from support.training_runs import OPTIONS, make_run

DATASET_BATCH_SIZE, DATASET_NUM_STEPS, ROUND_STEPS = 3, 4, 5


def make_streams() -> Streams:
    """Nine windows per epoch."""
    return Streams(
        np.arange(100, dtype=np.int32), batch_size=DATASET_BATCH_SIZE, num_steps=DATASET_NUM_STEPS, first_input=0
    )


def make_dataset(round_number: int = 0) -> RoundDataset:
    return RoundDataset(make_streams(), range(round_number * ROUND_STEPS, (round_number + 1) * ROUND_STEPS))


def assert_is_window(batch: Any, step: int) -> None:
    window = make_streams().window(step)
    inputs, targets, weights = batch
    assert inputs.keys() == {"tokens", "reset"}
    for ours, expected in zip((*inputs.values(), targets, weights), as_inputs_targets_weights(window), strict=True):
        np.testing.assert_array_equal(ours, expected, strict=True)


def as_inputs_targets_weights(window: Any) -> tuple[Any, ...]:
    return window.inputs, window.reset, window.targets, window.weights


def test_a_round_continues_after_the_last_one_across_the_end_of_the_text() -> None:
    steps = iter(range(4 * ROUND_STEPS))
    for round_number in range(4):
        dataset = make_dataset(round_number)
        for index in range(len(dataset)):
            assert_is_window(dataset[index], next(steps))
    resets = [make_streams().window(step).reset.all() for step in range(4 * ROUND_STEPS)]
    assert np.flatnonzero(resets).tolist() == [0, 9, 18]


def test_the_position_in_the_text_depends_on_first_step_and_index_alone() -> None:
    used, fresh = make_dataset(2), make_dataset(2)
    for index in (4, 0, 2):
        used[index]
    used.on_epoch_end()
    assert_is_window(used[3], 2 * ROUND_STEPS + 3)
    assert_is_window(fresh[3], 2 * ROUND_STEPS + 3)


# The step.


def test_a_round_is_one_call_of_fit_with_its_own_metrics(tmp_path: Path) -> None:
    step = make_run(tmp_path, OPTIONS).step
    before = step.validate()
    first, second = step.train_round(0, 6), step.train_round(6, 4)
    assert (first.num_steps, second.num_steps) == (6, 4)
    assert second.perplexity < first.perplexity < 20.0
    assert 0.0 <= first.accuracy <= second.accuracy <= 1.0
    assert 0.0 < second.step_seconds <= second.seconds
    assert step.validate().perplexity < before.perplexity
    assert before.averaged_steps == 0
    assert int(step.optimizer.iterations) == 10


def test_all_rounds_use_the_same_compiled_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[StreamModel] = []
    compute_loss = StreamModel.compute_loss

    def counted(self: StreamModel, *arguments: Any, **named: Any) -> Any:
        traced.append(self)
        return compute_loss(self, *arguments, **named)

    monkeypatch.setattr(StreamModel, "compute_loss", counted)
    step = make_run(tmp_path, OPTIONS).step
    for first_step in (0, 6, 12):
        step.train_round(first_step, 6)
        step.validate()
    assert len(traced) == 2  # once for training, once for validation


def test_short_rounds_train_like_one_long_round(tmp_path: Path) -> None:
    at_once, in_parts = (make_run(tmp_path / name, OPTIONS).step for name in ("at once", "in parts"))
    at_once.train_round(0, 12)
    for first_step, num_steps in ((0, 5), (5, 1), (6, 6)):
        in_parts.train_round(first_step, num_steps, RoundCallbacks(in_parts.stream))
    assert_equal_to_the_bit(in_parts.capture(), at_once.capture())
