from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.text.batching.streams import Streams, make_windows, validation_streams
from nextword.text.batching.window import SuccessiveWindows
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
