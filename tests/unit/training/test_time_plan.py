"""A training of given minutes: how many steps it has, how its learning rate ends, and that it can be repeated."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.training import round_callback
from nextword.training.options import TrainingOptions
from nextword.training.progress import RoundRecord
from nextword.training.schedule import LinearToZero
from nextword.training.time_plan import Pace, Paced, TimePlan
from nextword.training.trainer import Trainer

MakeTrainer = Callable[..., Trainer]


def records(*rounds: tuple[int, float, float], compiling: float = 0.0) -> list[RoundRecord]:
    """Rounds of steps, seconds a step, and seconds of validation; compiling lengthens the first."""
    kept: list[RoundRecord] = []
    step, seconds = 0, compiling
    for number, (steps, step_seconds, validation_seconds) in enumerate(rounds, start=1):
        step, seconds = step + steps, seconds + steps * step_seconds + validation_seconds
        kept.append(
            RoundRecord(number, step, 0.0, 0.1, 9.0, 0.3, 9.0, 0.2, 1e5, seconds, step_seconds, validation_seconds)
        )
    return kept


def plan(seconds: float, round_steps: int, *written: int, passes_at_end: float = 0.0) -> TimePlan:
    return TimePlan(seconds, passes_at_end, round_steps, written or (1,))


@given(st.floats(1.0, 1e4), st.integers(1, 500), st.floats(1e-3, 1.0), st.floats(0.0, 5.0), st.floats(0.0, 4.0))
def test_the_steps_planned_fit_into_the_time_that_is_left(
    left: float, round_steps: int, step_seconds: float, validation_seconds: float, passes_at_end: float
) -> None:
    done = records((round_steps, step_seconds, validation_seconds))
    total = plan(done[0].seconds + left, round_steps, passes_at_end=passes_at_end).total_steps(done)
    further = total - round_steps
    usable = left - passes_at_end * validation_seconds

    def taken(steps: int) -> float:
        return steps * step_seconds + math.ceil(steps / round_steps) * validation_seconds

    assert further >= 0
    assert further == 0 or taken(further) <= usable + 1e-6
    # Nothing is left over that is worth a validation.
    assert taken(further + math.ceil(round_steps / 10) + 1) > usable - 1e-6


def test_a_machine_that_becomes_slower_gets_fewer_steps() -> None:
    at_first = records((100, 0.1, 1.0), (100, 0.1, 1.0))
    later = records((100, 0.1, 1.0), (100, 0.1, 1.0), (100, 0.3, 3.0))
    assert plan(110.0, 100).total_steps(at_first) == 1000
    assert plan(110.0, 100).total_steps(later) < 700


def test_compiling_does_not_count_as_pace_once_there_is_another_round() -> None:
    done = records((10, 0.1, 30.0), (10, 0.1, 0.5))
    assert plan(done[-1].seconds + 15.0, 10).total_steps(done) == 20 + 100


def test_when_the_time_is_over_no_step_is_added() -> None:
    done = records((100, 0.1, 1.0))
    assert plan(11.0, 100).total_steps(done) == 100
    assert plan(2.0, 100).total_steps(done) == 100


def test_what_was_written_down_counts_more_than_the_clock() -> None:
    done = records((100, 0.1, 1.0), (100, 0.1, 1.0))
    assert plan(1e9, 100, 900, 400, 350).total_steps(done[:1]) == 400
    assert plan(1e9, 100, 900, 400, 350).total_steps(done) == 350
    assert plan(32.0, 100, 900, 400).total_steps(done) == 290


def paced_rate(total_steps: int) -> tuple[Pace, keras.optimizers.Optimizer]:
    pace = Pace(total_steps)
    optimizer = keras.optimizers.SGD(Paced(LinearToZero(1.0, 0, total_steps), pace))
    pace.build(optimizer)
    return pace, optimizer


def rate(optimizer: keras.optimizers.Optimizer, step: int) -> float:
    optimizer.iterations.assign(step)
    return float(optimizer.learning_rate)


def test_without_a_change_of_plan_the_schedule_is_as_it_was() -> None:
    _, optimizer = paced_rate(100)
    plain = LinearToZero(1.0, 0, 100)
    assert [rate(optimizer, step) for step in range(0, 101, 7)] == pytest.approx(
        [float(plain(step)) for step in range(0, 101, 7)]
    )


@given(st.integers(1, 90), st.integers(91, 400))
def test_a_change_of_plan_bends_the_rate_without_a_jump_and_it_ends_at_zero(step: int, total_steps: int) -> None:
    pace, optimizer = paced_rate(100)
    before = rate(optimizer, step)
    pace.plan(step, total_steps)
    assert rate(optimizer, step) == pytest.approx(before, abs=1e-6)
    middle = (step + total_steps) // 2
    part = (total_steps - middle) / (total_steps - step)
    assert rate(optimizer, middle) == pytest.approx(before * part, abs=1e-5)
    assert rate(optimizer, total_steps) == pytest.approx(0.0, abs=1e-6)


@pytest.fixture
def timed(options: TrainingOptions) -> TrainingOptions:
    return replace(options, minutes=1.0, training_seconds=60.0, planned_steps=(30,))


def test_minutes_without_a_measurement_are_refused(options: TrainingOptions) -> None:
    with pytest.raises(SettingError, match="`minutes` must come with"):
        TimePlan.of(replace(options, minutes=1.0))


def test_a_training_by_a_clock_that_says_what_was_planned_is_the_training_by_epochs(
    tmp_path: Path, options: TrainingOptions, timed: TrainingOptions, finished: MakeTrainer
) -> None:
    by_epochs = finished(tmp_path / "epochs", options)
    by_clock = finished(tmp_path / "clock", replace(timed, planned_steps=(30,) * 6))
    for name, weights in by_epochs.model.named_weights().items():
        np.testing.assert_allclose(by_clock.model.named_weights()[name], weights, atol=1e-4, err_msg=name)


class Clock:
    """A clock that stands still but for the steps and validations that the trainer makes."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now


def test_a_training_ends_when_the_time_does_and_is_repeated_to_the_bit(
    tmp_path: Path, timed: TrainingOptions, finished: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(round_callback, "time", clock)
    first = finished(tmp_path / "first", replace(timed, planned_steps=(1000,), training_seconds=40.0))
    assert 20.0 < first.progress.seconds <= 44.0
    planned = first.progress.planned_steps
    assert planned[0] == 1000
    assert planned[-1] == first.progress.steps < 1000
    assert len(planned) == first.progress.rounds + 1
    assert first.progress.records[-1].learning_rate == pytest.approx(0.0, abs=2e-3)

    again = finished(tmp_path / "again", replace(timed, planned_steps=planned, training_seconds=1e-3))
    assert again.progress.steps == first.progress.steps
    for name, weights in first.model.named_weights().items():
        np.testing.assert_array_equal(again.model.named_weights()[name], weights, err_msg=name)


def test_it_goes_on_after_an_interruption_with_the_plan_that_it_had(
    tmp_path: Path, timed: TrainingOptions, finished: MakeTrainer, cut_off_after_rounds: Callable[..., Any]
) -> None:
    planned = (30, 28, 27, 26, 26, 26)
    at_once = finished(tmp_path / "at once", replace(timed, planned_steps=planned))
    cut_off_after_rounds(tmp_path / "cut", 3, replace(timed, planned_steps=planned))
    resumed = finished(tmp_path / "cut", replace(timed, planned_steps=planned))
    assert at_once.progress.steps == resumed.progress.steps == 26
    assert resumed.progress.planned_steps == planned
    for name, weights in at_once.model.named_weights().items():
        np.testing.assert_array_equal(resumed.model.named_weights()[name], weights, err_msg=name)
