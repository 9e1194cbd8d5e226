import math
from dataclasses import replace
from typing import Any

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan, TimePlan
from nextword.training.progress import RoundRecord
from nextword.training.step.schedule import LinearToZero, ReplannedSchedule, ScheduleProgress
from support.training_runs import OPTIONS

epochs = st.floats(0.001, 60.0)
steps_per_epoch = st.integers(1, 100_000)


@given(epochs, steps_per_epoch, st.none() | st.integers(1, 300_000))
def test_rounds_cover_the_epochs_to_the_step(epochs: float, steps_per_epoch: int, round_steps: int | None) -> None:
    plan = Plan.of(TrainingOptions(epochs=epochs, round_steps=round_steps), steps_per_epoch)
    assert plan.total_steps == math.ceil(epochs * steps_per_epoch)
    assert (plan.num_rounds - 1) * plan.round_steps < plan.total_steps <= plan.num_rounds * plan.round_steps


@pytest.mark.parametrize("epochs", [1e9, 1e300, 1e308])
def test_more_steps_than_can_be_counted_are_refused(epochs: float) -> None:
    with pytest.raises(SettingError, match=r"`epochs` must come to fewer than 2\*\*31 steps"):
        Plan.of(TrainingOptions(epochs=epochs), 11)


@given(epochs, steps_per_epoch)
def test_the_last_default_round_is_hardly_shorter(epochs: float, steps_per_epoch: int) -> None:
    plan = Plan.of(TrainingOptions(epochs=epochs), steps_per_epoch)
    assert plan.num_rounds * plan.round_steps - plan.total_steps < plan.num_rounds


@given(epochs, steps_per_epoch)
def test_a_default_round_is_at_most_two_thousand_steps_and_an_epoch(epochs: float, steps_per_epoch: int) -> None:
    plan = Plan.of(TrainingOptions(epochs=epochs), steps_per_epoch)
    assert 1 <= plan.round_steps <= min(2_000, steps_per_epoch)
    assert plan.steps_per_epoch == steps_per_epoch


@given(epochs, steps_per_epoch, st.integers(1, 300_000))
def test_round_steps_are_used_unless_training_is_shorter(epochs: float, steps_per_epoch: int, round_steps: int) -> None:
    plan = Plan.of(TrainingOptions(epochs=epochs, round_steps=round_steps), steps_per_epoch)
    assert plan.round_steps == round_steps or (plan.round_steps < round_steps and plan.num_rounds == 1)


@pytest.mark.parametrize(
    ("epochs", "steps", "round_steps", "expected"),
    [
        (13, 1327, None, (1327, 13)),
        (2, 2000, None, (2000, 2)),
        (2, 2001, None, (1001, 4)),
        (0.5, 100, None, (50, 1)),
        (0.001, 10, None, (1, 1)),
        (3, 63, 15, (15, 13)),
        (2, 5000, 3000, (3000, 4)),
        (2.26, 705, None, (532, 3)),
    ],
)
def test_some_plans(epochs: float, steps: int, round_steps: int | None, expected: tuple[int, int]) -> None:
    plan = Plan.of(TrainingOptions(epochs=epochs, round_steps=round_steps), steps)
    assert (plan.round_steps, plan.num_rounds) == expected


def records(*rounds: tuple[int, float, float], compiling: float = 0.0) -> list[RoundRecord]:
    """Rounds of (steps, seconds per step, seconds of validation); compilation lengthens the first."""
    kept: list[RoundRecord] = []
    step, seconds = 0, compiling
    for number, (steps, step_seconds, validation_seconds) in enumerate(rounds, start=1):
        step, seconds = step + steps, seconds + steps * step_seconds + validation_seconds
        kept.append(
            RoundRecord(number, step, 0.0, 0.1, 9.0, 0.3, 9.0, 0.2, 1e5, seconds, step_seconds, validation_seconds)
        )
    return kept


MANY = 10**9
"""More steps than any test takes."""


def time_plan(seconds: float, round_steps: int, *planned: int, passes_at_end: float = 0.0) -> TimePlan:
    return TimePlan(
        seconds=seconds, passes_at_end=passes_at_end, round_steps=round_steps, planned_steps=planned or (1,)
    )


def total_steps(time: TimePlan, done: list[RoundRecord], planned: int) -> int:
    """The total steps after some rounds, with `planned` planned before the last."""
    plan = Plan(100, time.round_steps, (planned,), time).after(done)
    assert plan.planned_steps == (planned, plan.total_steps)
    return plan.total_steps


@given(st.floats(1.0, 1e4), st.integers(1, 500), st.floats(1e-3, 1.0), st.floats(0.0, 5.0), st.floats(0.0, 4.0))
def test_the_planned_steps_fit_into_the_time_left(
    left: float, round_steps: int, step_seconds: float, validation_seconds: float, passes_at_end: float
) -> None:
    done = records((round_steps, step_seconds, validation_seconds))
    total = total_steps(time_plan(done[0].seconds + left, round_steps, passes_at_end=passes_at_end), done, MANY)
    further = total - round_steps
    usable = left - passes_at_end * validation_seconds

    def taken(steps: int) -> float:
        return steps * step_seconds + math.ceil(steps / round_steps) * validation_seconds

    assert further >= 1  # because the learning rate is not zero yet
    assert further == 1 or taken(further) <= usable + 1e-6
    # The time left is too short for another round.
    assert taken(further + math.ceil(round_steps / 10) + 1) > usable - 1e-6


def test_a_machine_that_becomes_slower_gets_fewer_steps() -> None:
    at_first = records((100, 0.1, 1.0), (100, 0.1, 1.0))
    later = records((100, 0.1, 1.0), (100, 0.1, 1.0), (100, 0.3, 3.0))
    assert total_steps(time_plan(110.0, 100), at_first, MANY) == 1000
    assert total_steps(time_plan(110.0, 100), later, MANY) < 700


def test_compilation_does_not_count_once_there_is_another_round() -> None:
    done = records((10, 0.1, 30.0), (10, 0.1, 0.5))
    assert total_steps(time_plan(done[-1].seconds + 15.0, 10), done, MANY) == 20 + 100


def test_a_text_too_small_for_its_time_never_gets_more_steps_than_planned_at_first() -> None:
    done = records((100, 0.1, 1.0))
    short = replace(time_plan(1e9, 100, 400), needed_seconds=50.0)
    assert total_steps(short, done, 400) == 400
    assert total_steps(replace(short, seconds=done[0].seconds + 12.5), done, 400) < 400


def test_the_time_of_the_mixture_is_kept_free() -> None:
    done = records((100, 0.1, 1.0))
    mixed = replace(time_plan(130.0, 100), mixture_seconds=20.0)
    assert total_steps(mixed, done, MANY) == total_steps(time_plan(110.0, 100), done, MANY) < MANY


def test_the_time_left_is_that_of_the_steps_and_the_round_ends() -> None:
    done = records((100, 0.1, 1.0), (100, 0.1, 1.0))
    assert Plan(100, 100, (450,)).seconds_left(done) == pytest.approx(250 * 0.1 + 3 * 1.0)


@pytest.mark.parametrize("seconds", [2.0, 11.0, 12.0, 1e9])
def test_no_steps_are_added_after_all_planned_steps(seconds: float) -> None:
    assert total_steps(time_plan(seconds, 100), records((100, 0.1, 1.0)), 100) == 100
    assert total_steps(time_plan(seconds, 100, 140, 190), records((100, 0.1, 1.0)), 100) == 100


@pytest.mark.parametrize("seconds", [2.0, 11.0, 12.0])
def test_the_learning_rate_reaches_zero_even_after_the_time_is_over(seconds: float) -> None:
    assert total_steps(time_plan(seconds, 100), records((100, 0.1, 1.0)), 130) == 101
    assert total_steps(time_plan(12.55, 100), records((100, 0.1, 1.0)), 130) == 105


def test_the_time_outside_the_steps_counts_but_one_outlier_does_not() -> None:
    done = records(*[(100, 0.1, 1.0)] * 4)
    saving = [replace(record, seconds=record.seconds + 4.0 * record.round) for record in done]
    assert total_steps(time_plan(saving[-1].seconds + 150.1, 100), saving, MANY) == 400 + 1000  # 15 seconds a round
    disturbed = [*done[:2], *(replace(record, seconds=record.seconds + 60.0) for record in done[2:])]
    assert total_steps(time_plan(disturbed[-1].seconds + 110.1, 100), disturbed, MANY) == 400 + 1000


def test_a_stored_plan_overrides_the_clock() -> None:
    done = records((100, 0.1, 1.0), (100, 0.1, 1.0))
    assert total_steps(time_plan(1e9, 100, 900, 400, 350), done[:1], 900) == 400
    assert total_steps(time_plan(1e9, 100, 900, 400, 350), done, 400) == 350
    assert total_steps(time_plan(32.0, 100, 900, 400), done, 400) == 290


def paced_rate(total_steps: int) -> tuple[ScheduleProgress, keras.optimizers.Optimizer]:
    pace = ScheduleProgress(total_steps)
    optimizer = keras.optimizers.SGD(ReplannedSchedule(LinearToZero(1.0, 0, total_steps), pace))
    pace.build(optimizer)
    return pace, optimizer


def rate(optimizer: keras.optimizers.Optimizer, step: int) -> float:
    optimizer.iterations.assign(step)
    return float(optimizer.learning_rate)


def test_without_a_change_of_plan_the_schedule_is_unchanged() -> None:
    _, optimizer = paced_rate(100)
    plain = LinearToZero(1.0, 0, 100)
    assert [rate(optimizer, step) for step in range(0, 101, 7)] == pytest.approx(
        [float(plain(step)) for step in range(0, 101, 7)]
    )


@given(st.integers(1, 90), st.integers(91, 400))
def test_a_change_of_plan_changes_the_rate_smoothly_and_it_ends_at_zero(step: int, total_steps: int) -> None:
    pace, optimizer = paced_rate(100)
    before = rate(optimizer, step)
    pace.plan(step, total_steps)
    assert rate(optimizer, step) == pytest.approx(before, abs=1e-6)
    middle = (step + total_steps) // 2
    part = (total_steps - middle) / (total_steps - step)
    assert rate(optimizer, middle) == pytest.approx(before * part, abs=1e-5)
    assert rate(optimizer, total_steps) == pytest.approx(0.0, abs=1e-6)


TIMED = replace(OPTIONS, minutes=1.0)


def test_minutes_without_a_time_plan_are_refused() -> None:
    with pytest.raises(SettingError, match="`minutes` needs a time plan"):
        Plan.of(TIMED, 15)


@pytest.mark.parametrize("schedule", ["constant", "step"])
def test_a_schedule_that_does_not_end_at_zero_is_refused(schedule: Any) -> None:
    with pytest.raises(SettingError, match=f"`schedule` must be linear .* but is {schedule};"):
        Plan.of(replace(TIMED, schedule=schedule), 15, time_plan(60.0, 6))


def test_a_resumed_plan_has_the_steps_of_its_checkpoint() -> None:
    plan = Plan.of(TIMED, 15, time_plan(60.0, 6, 33, 28, 27))
    assert (plan.planned_steps, plan.total_steps, plan.num_rounds) == ((33,), 33, 6)
    assert [plan.steps_after(steps) for steps in (0, 24, 30)] == [6, 6, 3]
    resumed = replace(plan, planned_steps=(33, 28))
    assert (resumed.planned_steps, resumed.num_rounds, resumed.steps_after(24)) == ((33, 28), 5, 4)


def test_a_plan_by_epochs_does_not_change() -> None:
    plan = Plan.of(OPTIONS, 15, time_plan(60.0, 6, 7))  # a time plan is ignored without `minutes`
    assert (plan.planned_steps, plan.time) == ((30,), None)
    assert plan.after(records((6, 0.1, 1.0))) == plan
