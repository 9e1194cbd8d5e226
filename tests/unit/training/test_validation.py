import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.training.validation import validation_streams


@given(st.integers(1, 20_000))
def test_every_token_is_predicted_exactly_once_whatever_the_length(num_tokens: int) -> None:
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
