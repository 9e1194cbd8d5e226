import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.batching.streams import Streams
from nextword.errors import SettingError

FIRST_INPUT = 1_000_000


def make_streams(num_tokens: int, batch_size: int, num_steps: int, burn_in: int = 0) -> Streams:
    ids = np.arange(num_tokens, dtype=np.int32)
    return Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=FIRST_INPUT, burn_in=burn_in)


sizes = st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(0, 150), st.integers(0, 20))


@given(sizes)
def test_each_token_is_the_target_exactly_once_an_epoch(sizes: tuple[int, int, int, int]) -> None:
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
def test_a_row_continues_the_same_row_of_the_window_before(sizes: tuple[int, int, int, int]) -> None:
    batch_size, num_steps, extra, burn_in = sizes
    streams = make_streams(batch_size + extra, batch_size, num_steps, burn_in)
    windows = [streams.window(step) for step in range(streams.steps_per_epoch)]
    for row in range(batch_size):
        targets = np.concatenate([window.targets[row] for window in windows])
        counted = np.flatnonzero(np.concatenate([window.weights[row] for window in windows]))
        if len(counted):
            # From the row's first step (its burn-in) to its last counted one there is no gap and no jump.
            read = targets[: counted[-1] + 1]
            np.testing.assert_array_equal(np.diff(read), 1)


def test_burn_in_reads_the_tokens_before_a_row_without_counting_them() -> None:
    streams = make_streams(40, batch_size=2, num_steps=100, burn_in=10)
    window = streams.window(0)
    first_counted = int(np.flatnonzero(window.weights[1])[0])
    assert first_counted == 10
    assert window.targets[1, first_counted] == window.targets[0][window.weights[0] == 1][-1] + 1


def test_state_is_reset_at_the_beginning_of_each_epoch_alone() -> None:
    streams = make_streams(30, batch_size=2, num_steps=5)
    assert streams.steps_per_epoch == 3
    assert [bool(streams.window(step).reset.all()) for step in range(7)] == [True, False, False] * 2 + [True]
    np.testing.assert_array_equal(streams.window(1).targets, streams.window(4).targets)


def test_windows_are_fresh_arrays() -> None:
    streams = make_streams(30, batch_size=2, num_steps=5)
    window = streams.window(0)
    window.inputs[:] = -1
    assert streams.window(0).inputs.min() >= 0


def test_a_text_shorter_than_the_batch_is_refused() -> None:
    with pytest.raises(SettingError, match="needs at least 4 tokens, but the text has 3"):
        make_streams(3, batch_size=4, num_steps=5)
