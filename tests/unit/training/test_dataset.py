from typing import Any

import numpy as np

from nextword.batching.streams import Streams
from nextword.training.dataset import RoundDataset, as_batch

BATCH_SIZE, NUM_STEPS, ROUND_STEPS = 3, 4, 5


def make_streams() -> Streams:
    """Nine windows an epoch."""
    return Streams(np.arange(100, dtype=np.int32), batch_size=BATCH_SIZE, num_steps=NUM_STEPS, first_input=0)


def make_dataset() -> RoundDataset:
    return RoundDataset(make_streams(), ROUND_STEPS)


def assert_is_window(batch: Any, step: int) -> None:
    window = make_streams().window(step)
    inputs, targets, weights = batch
    assert inputs.keys() == {"tokens", "reset"}
    for ours, expected in zip((*inputs.values(), targets, weights), as_inputs_targets_weights(window), strict=True):
        np.testing.assert_array_equal(ours, expected, strict=True)


def as_inputs_targets_weights(window: Any) -> tuple[Any, ...]:
    return window.inputs, window.reset, window.targets, window.weights


def test_a_round_has_its_steps_and_each_is_a_window() -> None:
    dataset = make_dataset()
    assert len(dataset) == ROUND_STEPS
    for index in range(ROUND_STEPS):
        assert_is_window(dataset[index], index)


def test_a_round_goes_on_where_the_one_before_ended_over_the_end_of_the_text() -> None:
    dataset = make_dataset()
    steps = iter(range(4 * ROUND_STEPS))
    for dataset.round in range(4):
        for index in range(len(dataset)):
            assert_is_window(dataset[index], next(steps))
    resets = [make_streams().window(step).reset.all() for step in range(4 * ROUND_STEPS)]
    assert np.flatnonzero(resets).tolist() == [0, 9, 18]


def test_the_position_in_the_text_depends_on_round_and_index_alone() -> None:
    used, fresh = make_dataset(), make_dataset()
    for used.round in (0, 3, 1):
        for index in (4, 0, 2):
            used[index]
    used.on_epoch_end()
    used.round = fresh.round = 2
    assert_is_window(used[3], 2 * ROUND_STEPS + 3)
    assert_is_window(fresh[3], 2 * ROUND_STEPS + 3)


def test_a_batch_is_made_of_fresh_arrays() -> None:
    dataset = make_dataset()
    inputs, targets, weights = dataset[1]
    for array in (*inputs.values(), targets, weights):
        array[:] = 0
    assert_is_window(dataset[1], 1)


def test_words_are_counted_by_cells() -> None:
    assert make_dataset().words_per_window == BATCH_SIZE * NUM_STEPS


def test_a_window_keeps_its_types() -> None:
    inputs, targets, weights = as_batch(make_streams().window(0))
    assert (inputs["tokens"].dtype, inputs["reset"].dtype) == (np.int32, np.bool_)
    assert (targets.dtype, weights.dtype) == (np.int32, np.float32)
