from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.batching.successive import SuccessiveWindows
from nextword.errors import SettingError


def pointer_walk(num_tokens: int, num_steps: int, skip_step: int) -> Iterator[int]:
    """The tutorial's rule: go back to the beginning when the pointer has no whole window before it."""
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


def test_state_never_survives_a_window() -> None:
    windows = SuccessiveWindows(np.arange(50, dtype=np.int32), batch_size=2, num_steps=5, skip_step=5)
    assert all(windows.window(step).reset.all() for step in range(10))


def test_an_epoch_has_the_steps_of_the_tutorial() -> None:
    ids = np.zeros(929_589, np.int32)
    assert SuccessiveWindows(ids, batch_size=20, num_steps=30, skip_step=30).steps_per_epoch == 1549


def test_a_text_without_a_whole_window_is_refused() -> None:
    with pytest.raises(SettingError, match="needs at least 6 tokens, but the text has 5"):
        SuccessiveWindows(np.arange(5, dtype=np.int32), batch_size=1, num_steps=5, skip_step=5)
