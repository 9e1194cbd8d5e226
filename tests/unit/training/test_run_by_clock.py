"""Runs that end with the time, on fake clocks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.training import run as run_module
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan, TimePlan
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.step import round_callbacks
from nextword.training.step import step as step_module
from support.training_runs import OPTIONS, RecordedShuffle, cut_off_after_rounds, finished, make_run

ROUND_STEPS = 6


TIMED = replace(OPTIONS, minutes=1.0)


def by_clock(*planned: int, seconds: float = 60.0, round_steps: int = ROUND_STEPS) -> TimePlan:
    """The plan of a run of some seconds with given steps."""
    return TimePlan(seconds=seconds, passes_at_end=0.0, round_steps=round_steps, planned_steps=planned or (1000,))


def test_a_run_with_a_stored_plan_equals_the_run_by_epochs(tmp_path: Path) -> None:
    by_epochs = finished(tmp_path / "epochs", OPTIONS)
    repeated = finished(tmp_path / "clock", TIMED, time=by_clock(*(30,) * 6))
    for name, weights in by_epochs.step.model.named_weights().items():
        np.testing.assert_allclose(repeated.step.model.named_weights()[name], weights, atol=1e-4, err_msg=name)


class Clock:
    """A clock that advances by a fixed amount at each reading."""

    def __init__(self, tick: float = 0.5) -> None:
        self.now, self.tick = 0.0, tick

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[[Clock], Clock]:
    """Installs a clock for a run, and reports after each step."""

    def put(clock: Clock) -> Clock:
        for module in (run_module, step_module, round_callbacks):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(round_callbacks, "_SECONDS_BETWEEN_REPORTS", 0.0)
        return clock

    return put


PutClock = Callable[[Clock], Clock]


class Disturbance(TrainingObserver):
    """Changes the speed of a clock after some rounds."""

    def __init__(self, clock: Clock, after_round: int, tick: float) -> None:
        self.clock, self.after_round, self.tick = clock, after_round, tick

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        if record.round == self.after_round:
            self.clock.tick = self.tick


def test_a_run_ends_with_the_time_and_is_reproducible(tmp_path: Path, put: PutClock) -> None:
    put(Clock())
    first = finished(tmp_path / "first", TIMED, time=by_clock(seconds=40.0))
    assert 20.0 < first.progress.seconds <= 44.0
    planned = first.plan.planned_steps
    assert planned[0] == 1000
    assert planned[-1] == first.progress.steps < 1000
    assert len(planned) == first.progress.rounds + 1
    assert first.progress.records[-1].learning_rate == pytest.approx(0.0, abs=2e-3)

    again = finished(tmp_path / "again", TIMED, time=by_clock(*planned, seconds=1e-3))
    assert again.progress.steps == first.progress.steps
    for name, weights in first.step.model.named_weights().items():
        np.testing.assert_array_equal(again.step.model.named_weights()[name], weights, err_msg=name)


@pytest.mark.parametrize("seconds", range(24, 48, 6))
@pytest.mark.parametrize(("after_round", "tick"), [(1, 0.35), (2, 0.3), (2, 0.7), (3, 0.4), (3, 0.9)])
def test_the_rate_ends_at_zero_even_if_the_speed_of_the_machine_changes(
    tmp_path: Path, put: PutClock, seconds: float, after_round: int, tick: float
) -> None:
    clock = put(Clock())
    asked = by_clock(seconds=float(seconds))
    run = finished(tmp_path, TIMED, time=asked, observer=Disturbance(clock, after_round, tick))
    records = run.progress.records
    assert records[-1].learning_rate == pytest.approx(0.0, abs=1e-6)
    assert all(record.learning_rate > 1e-6 for record in records[:-1])
    assert run.plan.planned_steps[-1] == run.progress.steps
    again = finished(tmp_path, TIMED, time=asked)  # there is nothing to resume
    assert (again.progress, again.plan) == (run.progress, run.plan)


def test_rounds_of_one_step_and_the_time_to_save_count(tmp_path: Path, put: PutClock) -> None:
    clock = put(Clock(tick=0.0))

    class Saving(TrainingObserver):
        def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
            clock.now += 3.0

    def step(batch: int, logs: Any = None) -> None:
        clock.now += 2.0

    steps = keras.callbacks.LambdaCallback(on_train_batch_begin=step)
    asked = by_clock(100, seconds=34.0, round_steps=1)
    records = finished(tmp_path, TIMED, time=asked, observer=Saving(), callbacks=[steps]).progress.records
    assert {record.step_seconds for record in records} == {2.0}
    assert {record.words_per_second for record in records} == {4 * 5 / 2.0}
    assert [record.seconds for record in records] == [2.0 + 5.0 * done for done in range(7)]


def test_the_time_before_the_first_round_counts_in_a_resumed_run_too(tmp_path: Path, put: PutClock) -> None:
    put(Clock())
    asked = by_clock(seconds=100.0)
    cut_off_after_rounds(tmp_path, 2, TIMED, time=asked, seconds_before=75.0)
    progress = finished(tmp_path, TIMED, time=asked).progress
    assert progress.seconds_before == 75.0
    assert progress.records[0].seconds > 75.0
    assert 85.0 < progress.seconds <= 104.0


def test_an_interrupted_run_resumes_with_its_plan(tmp_path: Path) -> None:
    planned = (30, 28, 27, 26, 26, 26)
    at_once = finished(tmp_path / "at once", TIMED, time=by_clock(*planned))
    cut_off_after_rounds(tmp_path / "cut", 3, TIMED, time=by_clock(*planned))
    callback = keras.callbacks.Callback()
    resumed = finished(tmp_path / "cut", TIMED, time=by_clock(*planned), callbacks=[callback])
    assert callback.params["epochs"] == resumed.plan.num_rounds
    assert at_once.progress.steps == resumed.progress.steps == 26
    assert resumed.plan.planned_steps == planned
    for name, weights in at_once.step.model.named_weights().items():
        np.testing.assert_array_equal(resumed.step.model.named_weights()[name], weights, err_msg=name)


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        ((26, 29, 29, 29, 29), [*range(4, 18), *range(30, 45)]),  # faster: three more windows before the whole epoch
        ((26, 23, 24, 24), [*range(4, 12), *range(15, 31)]),  # slower: two fewer; then too late, one more at the end
        ((18, 21, 23, 29, 30), None),
    ],
    ids=str,
)
def test_a_plan_that_changes_lets_no_window_be_read_twice(
    tmp_path: Path, planned: tuple[int, ...], expected: list[int] | None
) -> None:
    time, train, cut = by_clock(*planned, planned[-1]), RecordedShuffle(), RecordedShuffle()
    finished(tmp_path / "at once", TIMED, time=time, train=train)
    cut_off_after_rounds(tmp_path / "cut", 2, TIMED, time=time, train=cut)
    finished(tmp_path / "cut", TIMED, time=time, train=cut)
    assert cut.read == train.read == train.order(planned, ROUND_STEPS).tolist()
    assert len(set(train.read)) == len(train.read) == planned[-1]
    assert expected in (None, train.read)


def test_a_resumed_run_keeps_its_earlier_plans(tmp_path: Path, put: PutClock) -> None:
    put(Clock())
    asked = by_clock(seconds=60.0)
    cut_off_after_rounds(tmp_path, 2, TIMED, time=asked)
    planned = make_run(tmp_path, TIMED, time=asked).plan.planned_steps
    assert planned[0] == 1000
    assert len(planned) == 3
    assert 1000 > planned[-1] > 12
