from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.text.batching.window import (
    Streams,
    SuccessiveWindows,
    VariedStreams,
    Window,
    make_windows,
    validation_streams,
)
from nextword.text.options import BatchOptions

IDS = np.arange(100, dtype=np.int32)


def test_streams_are_the_default_and_begin_with_the_end_token() -> None:
    windows = make_windows(IDS, BatchOptions(batch_size=2, num_steps=5), end_id=7)
    assert isinstance(windows, Streams)
    assert windows.window(0).inputs[0, 0] == 7


def test_successive_windows_skip_their_length_by_default() -> None:
    options = BatchOptions(windows="successive", batch_size=2, num_steps=5)
    windows = make_windows(IDS, options, end_id=7)
    assert isinstance(windows, SuccessiveWindows)
    assert windows.window(0).inputs[1, 0] == 5


@given(st.integers(1, 20_000))
def test_every_token_is_predicted_exactly_once_for_every_length(num_tokens: int) -> None:
    streams = validation_streams(np.arange(num_tokens, dtype=np.int32), end_id=0)
    windows = [streams.window(step) for step in range(streams.steps_per_epoch)]
    counted = np.concatenate([window.targets[window.weights == 1] for window in windows])
    assert np.array_equal(np.sort(counted), np.arange(num_tokens))
    assert sum(window.weights.sum() for window in windows) == num_tokens


@pytest.mark.parametrize(("num_tokens", "rows"), [(1, 1), (1023, 1), (1024, 2), (16_384, 32), (1_000_000, 32)])
def test_a_row_is_four_times_as_long_as_its_burn_in(num_tokens: int, rows: int) -> None:
    assert validation_streams(np.zeros(num_tokens, np.int32), end_id=0).batch_size == rows


def test_the_first_token_is_predicted_from_the_end_of_a_sentence() -> None:
    window = validation_streams(np.arange(3000, dtype=np.int32), end_id=77).window(0)
    assert (window.inputs[0, 0], window.targets[0, 0], window.weights[0, 0]) == (77, 0, 1.0)
    assert window.weights[1:].sum() == 0


def pointer_walk(num_tokens: int, num_steps: int, skip_step: int) -> Iterator[int]:
    """Yield the tutorial's pointer, which returns to the beginning if no whole window is left."""
    pointer = 0
    while True:
        if pointer + num_steps >= num_tokens:
            pointer = 0
        yield pointer
        pointer += skip_step


@given(st.integers(1, 7), st.integers(1, 9), st.integers(1, 12), st.integers(1, 150))
def test_windows_follow_the_pointer_of_the_tutorial(
    batch_size: int, num_steps: int, skip_step: int, extra: int
) -> None:
    ids = np.arange(num_steps + extra, dtype=np.int32)
    windows = SuccessiveWindows(ids, batch_size=batch_size, num_steps=num_steps, skip_step=skip_step)
    walk = pointer_walk(len(ids), num_steps, skip_step)
    for step in range(12):
        window = windows.window(step)
        for row in range(batch_size):
            start = next(walk)
            assert window.inputs[row].tolist() == list(range(start, start + num_steps))
            assert window.targets[row].tolist() == list(range(start + 1, start + num_steps + 1))


def test_successive_windows_always_reset_the_state() -> None:
    windows = SuccessiveWindows(np.arange(50, dtype=np.int32), batch_size=2, num_steps=5, skip_step=5)
    assert all(windows.window(step).reset.all() for step in range(10))


def test_an_epoch_has_the_steps_of_the_tutorial() -> None:
    ids = np.zeros(929_589, np.int32)
    assert SuccessiveWindows(ids, batch_size=20, num_steps=30, skip_step=30).steps_per_epoch == 1549


def test_a_text_without_a_whole_window_is_refused() -> None:
    with pytest.raises(SettingError, match="needs at least 6 tokens, but the text has 5"):
        SuccessiveWindows(np.arange(5, dtype=np.int32), batch_size=1, num_steps=5, skip_step=5)


FIRST_INPUT = 1_000_000
VARIATIONS = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 9),
        "num_steps": st.integers(1, 40),
        "variable_num_steps": st.booleans(),
        "shuffle": st.sampled_from(["none", "partial"]),
    }
)


def make_streams(num_tokens: int, batch_size: int, num_steps: int, burn_in: int = 0) -> Streams:
    ids = np.arange(num_tokens, dtype=np.int32)
    return Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=FIRST_INPUT, burn_in=burn_in)


sizes = st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(0, 150), st.integers(0, 20))


@given(sizes)
def test_each_token_is_a_target_exactly_once_an_epoch(sizes: tuple[int, int, int, int]) -> None:
    batch_size, num_steps, extra, burn_in = sizes
    streams = make_streams(batch_size + extra, batch_size, num_steps, burn_in)
    windows = [streams.window(step) for step in range(streams.steps_per_epoch)]
    counted = np.concatenate([window.targets[window.weights == 1] for window in windows])
    assert sorted(counted.tolist()) == list(range(batch_size + extra))


@given(sizes)
def test_each_input_is_the_token_before_its_target(sizes: tuple[int, int, int, int]) -> None:
    batch_size, num_steps, extra, burn_in = sizes
    streams = make_streams(batch_size + extra, batch_size, num_steps, burn_in)
    for step in range(streams.steps_per_epoch):
        window = streams.window(step)
        expected = np.where(window.targets == 0, FIRST_INPUT, window.targets - 1)
        np.testing.assert_array_equal(window.inputs[window.weights == 1], expected[window.weights == 1])


@given(sizes)
def test_a_row_continues_the_same_row_of_the_previous_window(sizes: tuple[int, int, int, int]) -> None:
    batch_size, num_steps, extra, burn_in = sizes
    streams = make_streams(batch_size + extra, batch_size, num_steps, burn_in)
    windows = [streams.window(step) for step in range(streams.steps_per_epoch)]
    for row in range(batch_size):
        targets = np.concatenate([window.targets[row] for window in windows])
        counted = np.flatnonzero(np.concatenate([window.weights[row] for window in windows]))
        if len(counted):
            # From the first step of the row (burn-in) to its last target, positions are consecutive.
            read = targets[: counted[-1] + 1]
            np.testing.assert_array_equal(np.diff(read), 1)


def test_burn_in_reads_the_tokens_before_a_row_with_weight_zero() -> None:
    streams = make_streams(40, batch_size=2, num_steps=100, burn_in=10)
    window = streams.window(0)
    first_counted = int(np.flatnonzero(window.weights[1])[0])
    assert first_counted == 10
    assert window.targets[1, first_counted] == window.targets[0][window.weights[0] == 1][-1] + 1


def test_state_is_reset_only_at_the_beginning_of_an_epoch() -> None:
    streams = make_streams(30, batch_size=2, num_steps=5)
    assert streams.steps_per_epoch == 3
    assert [bool(streams.window(step).reset.all()) for step in range(7)] == [True, False, False] * 2 + [True]
    np.testing.assert_array_equal(streams.window(1).targets, streams.window(4).targets)


def test_windows_do_not_share_arrays() -> None:
    streams = make_streams(30, batch_size=2, num_steps=5)
    window = streams.window(0)
    window.inputs[:] = -1
    assert streams.window(0).inputs.min() >= 0


def test_a_text_shorter_than_the_batch_is_refused() -> None:
    with pytest.raises(SettingError, match="needs at least 4 tokens, but the text has 3"):
        make_streams(3, batch_size=4, num_steps=5)


def varied(num_tokens: int, **options: Any) -> VariedStreams:
    ids = np.arange(num_tokens, dtype=np.int32)
    return VariedStreams(ids, BatchOptions(**options), first_input=FIRST_INPUT)


def epoch_of(streams: VariedStreams, epoch: int) -> list[Window]:
    steps = streams.steps_per_epoch
    return [streams.window(step) for step in range(epoch * steps, (epoch + 1) * steps)]


@given(VARIATIONS, st.integers(0, 200), st.integers(0, 3))
def test_each_token_is_a_target_exactly_once_in_every_epoch(options: Any, extra: int, epoch: int) -> None:
    num_tokens = options["batch_size"] + extra
    windows = epoch_of(varied(num_tokens, **options), epoch)
    counted = np.concatenate([window.targets[window.weights == 1] for window in windows])
    assert sorted(counted.tolist()) == list(range(num_tokens))
    assert all(window.weights.any() for window in windows)


@given(VARIATIONS, st.integers(0, 200))
def test_each_input_is_the_token_before_its_target_of_varied_streams(options: Any, extra: int) -> None:
    streams = varied(options["batch_size"] + extra, **options)
    for window in epoch_of(streams, 1):
        expected = np.where(window.targets == 0, FIRST_INPUT, window.targets - 1)
        np.testing.assert_array_equal(window.inputs[window.weights == 1], expected[window.weights == 1])


@given(VARIATIONS, st.integers(0, 100))
def test_a_window_depends_only_on_its_step_and_the_seed(options: Any, step: int) -> None:
    one, other = varied(150, **options), varied(150, **options)
    one.window(7)
    for ours, theirs in zip(one.window(step), other.window(step), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(st.integers(1, 7), st.integers(1, 9), st.integers(0, 60))
def test_varied_streams_without_options_equal_plain_streams(batch_size: int, num_steps: int, extra: int) -> None:
    ids = np.arange(batch_size + extra, dtype=np.int32)
    plain = Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=FIRST_INPUT)
    ours = varied(len(ids), batch_size=batch_size, num_steps=num_steps)
    assert ours.steps_per_epoch == plain.steps_per_epoch
    for step in range(2 * plain.steps_per_epoch):
        np.testing.assert_array_equal(ours.window(step).weights, plain.window(step).weights)
        counted = plain.window(step).weights == 1
        np.testing.assert_array_equal(ours.window(step).targets[counted], plain.window(step).targets[counted])
        np.testing.assert_array_equal(ours.window(step).reset, plain.window(step).reset)


def test_lengths_are_near_num_steps_and_rarely_near_half_of_it() -> None:
    streams = varied(200_000, batch_size=1, num_steps=70, variable_num_steps=True)
    relative = streams.relative_lengths(streams.steps_per_epoch)
    assert relative is not None
    lengths = np.rint(70 * relative).astype(int)
    assert [streams.window(step).inputs.shape[1] for step in range(50)] == lengths[:50].tolist()
    assert set(lengths % 5) == {0}
    short = lengths < 52
    assert 0.03 < short.mean() < 0.07
    assert lengths[~short].mean() == pytest.approx(70, abs=0.5)
    assert lengths[short].mean() == pytest.approx(35, abs=2)
    assert lengths[~short].std() == pytest.approx(5.2, abs=0.3)  # of the normal distribution and of rounding


def test_epochs_differ_in_their_windows_but_not_in_their_number_of_steps() -> None:
    streams = varied(5_000, batch_size=2, num_steps=20, variable_num_steps=True)
    lengths = [[window.inputs.shape[1] for window in epoch_of(streams, epoch)] for epoch in range(3)]
    assert lengths[0] != lengths[1] != lengths[2]
    assert sorted(lengths[0]) == sorted(lengths[1]) == sorted(lengths[2])
    relative = streams.relative_lengths(2 * streams.steps_per_epoch + 1)
    assert relative is not None
    assert np.rint(20 * relative).tolist() == [*lengths[0], *lengths[1], lengths[2][0]]


def test_rows_begin_at_another_position_in_every_epoch_and_wrap_around() -> None:
    streams = varied(300, batch_size=3, num_steps=100, shuffle="partial")
    first, second = (np.concatenate([w.targets for w in epoch_of(streams, epoch)], axis=1) for epoch in (0, 1))
    assert not np.array_equal(first[:, 0], second[:, 0])
    for row, targets in enumerate(first):
        begin = targets[0] - 100 * row
        assert targets.tolist() == [100 * row + (begin + step) % 100 for step in range(100)]
    assert len({int(targets[0]) % 100 for targets in first}) > 1  # each row at a different position


@given(st.integers(1, 400))
def test_a_run_of_shuffled_rows_begins_where_it_ends_with_an_epoch(total_steps: int) -> None:
    shuffled = varied(300, batch_size=3, num_steps=7, shuffle="partial")
    order = shuffled.order([total_steps], round_steps=11)
    assert 0 <= order[0] < shuffled.steps_per_epoch
    assert (order[0] + total_steps) % shuffled.steps_per_epoch == 0
    assert np.array_equal(order, order[0] + np.arange(total_steps))
    for options in ({}, {"variable_num_steps": True}, {"shuffle": "partial", "variable_num_steps": True}):
        streams = varied(300, batch_size=3, num_steps=7, **options)
        assert np.array_equal(streams.order([total_steps], round_steps=11), np.arange(total_steps))


@given(st.integers(1, 20), st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_a_run_whose_end_is_planned_again_reads_no_window_twice_and_ends_with_whole_epochs(
    round_steps: int, steps_left: list[int]
) -> None:
    shuffled = varied(300, batch_size=3, num_steps=7, shuffle="partial")
    *before, last = steps_left
    planned = [number * round_steps + max(left, round_steps + 1) for number, left in enumerate(before)]
    planned.append(len(before) * round_steps + last)
    order = shuffled.order(planned, round_steps)
    assert len(order) == planned[-1]
    assert (np.diff(order) > 0).all()
    if before:
        assert np.array_equal(shuffled.order(planned[:-1], round_steps)[: len(before) * round_steps], order[:-last])
    whole = last // shuffled.steps_per_epoch * shuffled.steps_per_epoch
    if whole:
        assert order[-whole] % shuffled.steps_per_epoch == 0
        assert np.array_equal(order[-whole:], order[-whole] + np.arange(whole))


def test_rows_are_reset_only_at_the_beginning_of_an_epoch() -> None:
    streams = varied(400, batch_size=20, num_steps=2)
    resets = np.array([streams.window(step).reset for step in range(streams.steps_per_epoch + 1)])
    assert resets.all(axis=1).tolist() == [True, *[False] * (streams.steps_per_epoch - 1), True]
    assert not resets[1:-1].any()


def test_plain_streams_have_no_relative_lengths() -> None:
    ids = np.arange(100, dtype=np.int32)
    for options in (BatchOptions(batch_size=2), BatchOptions(batch_size=2, windows="successive")):
        assert make_windows(ids, options, end_id=0).relative_lengths(3) is None
    assert isinstance(make_windows(ids, BatchOptions(batch_size=2, shuffle="partial"), end_id=0), VariedStreams)


@pytest.mark.parametrize("option", [{"variable_num_steps": True}, {"shuffle": "partial"}], ids=str)
def test_only_streams_vary(option: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=f"`{next(iter(option))}` needs `windows` = 'streams'"):
        BatchOptions(windows="successive", **option)


def test_a_text_that_is_too_short_is_refused() -> None:
    with pytest.raises(SettingError, match="at least 8 tokens"):
        varied(7, batch_size=8, shuffle="partial")


def test_the_lengths_of_an_epoch_are_permuted_once_and_not_for_each_window(monkeypatch: pytest.MonkeyPatch) -> None:
    options = BatchOptions(batch_size=2, num_steps=20, variable_num_steps=True)
    streams = VariedStreams(np.arange(2000, dtype=np.int32), options, first_input=99)
    epochs: list[int] = []
    lengths_of = streams._lengths_of

    def counted_lengths_of(epoch: int) -> Any:
        epochs.append(epoch)
        return lengths_of(epoch)

    monkeypatch.setattr(streams, "_lengths_of", counted_lengths_of)
    for step in range(2 * streams.steps_per_epoch):
        streams.window(step)
    assert epochs == [0, 1]
