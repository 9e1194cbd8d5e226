"""What the charts of the course are measured by."""

import numpy as np
import pytest

from calibration import at_temperature, calibration
from text_size import first_part


def test_a_part_of_a_text_ends_with_a_line() -> None:
    assert first_part("ab\ncd\nef\ngh\n", 4) == "ab\n"
    assert first_part("ab\ncd\nef\ngh\n", 2) == "ab\ncd\n"
    assert first_part("ab\ncd\nef\n", 1) == "ab\ncd\nef\n"


def test_a_first_guess_counts_in_the_group_of_its_probability() -> None:
    log_probs = np.log([[0.92, 0.08], [0.98, 0.02], [0.45, 0.55]])
    says, right = calibration(log_probs, np.array([0, 1, 1], np.int32))
    assert (says, right) == ([55.0, 95.0], [100.0, 50.0])


def test_a_temperature_above_one_makes_a_model_less_sure() -> None:
    log_probs = np.log([[0.9, 0.1]])
    assert at_temperature(log_probs, 1.0) == pytest.approx(log_probs)
    assert np.exp(at_temperature(log_probs, 2.0)) == pytest.approx(np.array([[0.75, 0.25]]))
