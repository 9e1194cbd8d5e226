import numpy as np
import pytest

from nextword.batching.streams import Streams
from nextword.training.config import RunConfig
from nextword.tuning.pace import epochs_in, measured_speed

WINDOWS = Streams(np.zeros(10_000, np.int32), batch_size=10, num_steps=20, first_input=0)


def test_a_text_of_as_many_words_as_the_time_allows_is_gone_over_once() -> None:
    assert epochs_in(1.0, 10_000 / 60, WINDOWS, 0) == pytest.approx(1.0)
    assert epochs_in(3.0, 10_000 / 60, WINDOWS, 0) == pytest.approx(3.0)


def test_validation_takes_half_of_its_words_from_training() -> None:
    assert epochs_in(1.0, 10_000 / 60, WINDOWS, 10_000) == pytest.approx(0.5)


def test_some_training_is_left_however_short_the_time() -> None:
    assert epochs_in(0.01, 1.0, WINDOWS, 10**9) == 0.001


def test_speed_is_measured_on_the_model_that_is_trained(base: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from nextword.tuning import pace

    monkeypatch.setattr(pace, "_SECONDS_MEASURED", 0.001)
    resolved = base.resolved(text=base.text, vocabulary_size=9, compute_dtype="float32")
    assert measured_speed(resolved) > 0
