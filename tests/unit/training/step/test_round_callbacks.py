"""When metrics are read from the device, and what callbacks receive over many calls of `fit`."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.text.batching.window import VariedStreams
from nextword.text.options import BatchOptions
from nextword.training.context import TrainingObserver
from nextword.training.progress import TrainingPoint, TrainingProgress
from nextword.training.report.history import read_points, write_log
from nextword.training.step import round_callbacks
from nextword.training.step.round_callbacks import Intervals, RoundCallbacks, interval_ends
from nextword.training.step.schedule import make_schedule
from support.training_runs import OPTIONS, TRAIN, cut_off_after_rounds, finished, make_run


class Figure:
    """A metric on the device; reading it is counted."""

    def __init__(self, value: float, reads: list[float]) -> None:
        self._value, self._reads = value, reads

    def __float__(self) -> float:
        self._reads.append(self._value)
        return self._value


def cumulative(losses: Sequence[float], counts: Sequence[float]) -> list[float]:
    """The perplexity over the steps so far, as the metric has it."""
    return [float(each) for each in np.exp(np.cumsum(np.multiply(losses, counts)) / np.cumsum(counts))]


@pytest.mark.parametrize("num_steps", [1, 3, 4, 7, 50, 199, 2000])
@pytest.mark.parametrize("round_number", [1, 2, 13, 1000])
def test_intervals_cover_a_round_and_have_at_least_four_steps(round_number: int, num_steps: int) -> None:
    ends = interval_ends(round_number, num_steps)
    lengths = np.diff([0, *ends])
    assert ends[-1] == num_steps
    assert min(lengths) >= min(4, num_steps)
    assert max(lengths) - min(lengths) <= 1
    assert len(ends) <= max(4, 50 // round_number)


def test_a_long_first_round_has_fifty_points_and_a_late_one_four() -> None:
    assert [len(interval_ends(number, 2000)) for number in (1, 2, 3, 10, 50)] == [50, 25, 16, 5, 4]


def test_the_perplexity_of_each_interval_is_that_of_its_tokens_alone() -> None:
    losses, counts = [5.0, 4.0, 3.0, 2.5, 2.0, 1.0], [10.0, 30.0, 10.0, 0.0, 20.0, 5.0]
    found: list[tuple[int, float]] = []
    intervals = Intervals([2, 4, 6], lambda step, perplexity, _speed: found.append((step, perplexity)))
    intervals.begin(np.array(counts), 0.0)
    for step, perplexity in enumerate(cumulative(losses, counts), 1):
        intervals.after_step(step, perplexity)
    intervals.after_report(6, 1.0)
    means = [(50 + 120) / 40, 30 / 10, (40 + 5) / 25]
    assert [step for step, _ in found] == [2, 4, 6]
    assert [perplexity for _, perplexity in found] == pytest.approx(np.exp(means))


def test_a_metric_is_read_only_once_a_later_step_is_known_to_be_done() -> None:
    found: list[int] = []
    reads: list[float] = []
    intervals = Intervals([2, 4, 6], lambda step, *_: found.append(step))
    intervals.begin(np.ones(6), 0.0)
    for step in range(1, 7):
        intervals.after_step(step, Figure(9.0, reads))
        if step == 5:
            assert (found, reads) == ([], [])
            intervals.after_report(5, 1.0)
            assert (found, len(reads)) == ([2, 4], 2)
    intervals.after_report(6, 2.0)
    assert (found, len(reads)) == ([2, 4, 6], 3)


def test_the_speed_leaves_the_first_step_out_and_is_interpolated_between_known_steps() -> None:
    speeds: list[float] = []
    intervals = Intervals([2, 4, 8], lambda _step, _perplexity, speed: speeds.append(speed))
    intervals.begin(np.ones(8), 100.0)
    for step in range(1, 9):
        intervals.after_step(step, 9.0)
        if step in (1, 3, 8):  # 30 s of compilation, then 0.5 s a step, then 0.1 s
            intervals.after_report(step, {1: 130.0, 3: 131.0, 8: 131.5}[step])
    assert speeds == pytest.approx([2.0, 2 / 0.6, 10.0])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ({1: math.inf, 2: 7.0}, (2, 7.0)),
        ({1: math.nan, 2: 7.0}, (2, 7.0)),
        ({49: math.exp(5.0), 50: math.exp(20.0)}, (49, 148.413)),  # the last step alone has a loss of 755
    ],
)
def test_a_loss_that_is_not_finite_or_explodes_has_no_point(
    steps: dict[int, float], expected: tuple[int, float]
) -> None:
    found: list[tuple[int, float]] = []
    intervals = Intervals([*steps], lambda step, value, _speed: found.append((step, round(value, 3))))
    intervals.begin(np.ones(max(steps)), 0.0)
    for step, perplexity in steps.items():
        intervals.after_step(step, perplexity)
    intervals.after_report(max(steps), 1.0)
    assert found == [expected]


def test_the_points_of_a_round_together_are_its_training_perplexity(tmp_path: Path) -> None:
    progress = finished(tmp_path, OPTIONS.replace(round_steps=15)).progress
    ends = [0, *(point.step for point in progress.points)]
    assert ends == [0, 5, 10, 15, 20, 25, 30]
    for number, record in enumerate(progress.records):
        points = progress.points[3 * number : 3 * number + 3]
        assert [point.epoch for point in points] == [point.step / 15 for point in points]
        mean = np.mean([math.log(point.train_perplexity) for point in points])
        assert math.exp(mean) == pytest.approx(record.train_perplexity, rel=1e-5)
        assert points[-1].learning_rate == record.learning_rate
    assert progress.points[0].train_perplexity > progress.points[-1].train_perplexity
    assert all(point.words_per_second > 0 for point in progress.points)


@pytest.mark.slow  # each length compiles
def test_windows_of_different_length_count_by_their_tokens(tmp_path: Path) -> None:
    asked = BatchOptions(batch_size=4, num_steps=10, variable_num_steps=True)
    train = VariedStreams(TRAIN, asked, first_input=0)
    progress = finished(tmp_path, OPTIONS.replace(round_steps=10, epochs=1.0), train=train).progress
    (record, *_), (first, second, *_) = progress.records, progress.points
    assert second.step == record.step
    counts = [float(train.window(step).weights.sum()) for step in range(record.step)]
    early, late = sum(counts[: first.step]), sum(counts[first.step :])
    assert early / first.step != late / (second.step - first.step)
    total = early * math.log(first.train_perplexity) + late * math.log(second.train_perplexity)
    assert math.exp(total / sum(counts)) == pytest.approx(record.train_perplexity, rel=1e-5)


@pytest.mark.parametrize("schedule", ["linear", "constant", "step"])
def test_the_learning_rate_of_a_point_is_that_of_the_schedule(tmp_path: Path, schedule: str) -> None:
    options = OPTIONS.replace(schedule=schedule)
    run = make_run(tmp_path, options)
    rate = make_schedule(options, run.plan)
    expected = [rate if isinstance(rate, float) else float(rate(step)) for step in (0, 7, 29)]
    assert [run.step.optimizer.learning_rate_after(step) for step in (0, 7, 29)] == pytest.approx(expected, rel=1e-6)


class SeenPoints(TrainingObserver):
    def __init__(self) -> None:
        self.points: list[TrainingPoint] = []

    def on_point(self, point: TrainingPoint) -> None:
        self.points.append(point)


def without_clock(points: Sequence[TrainingPoint]) -> list[tuple[int, float, float]]:
    return [(point.step, point.train_perplexity, point.learning_rate) for point in points]


def test_an_interrupted_run_neither_loses_nor_repeats_points(tmp_path: Path) -> None:
    options = OPTIONS.replace(round_steps=10)
    seen = SeenPoints()
    whole = finished(tmp_path / "whole", options, log=partial(write_log, tmp_path), observer=seen).progress
    assert seen.points == list(whole.points)
    assert read_points(tmp_path / "points.jsonl") == whole.points
    cut_off_after_rounds(tmp_path / "cut", 2, options)
    resumed = finished(tmp_path / "cut", options).progress
    assert without_clock(resumed.points) == without_clock(whole.points)
    assert [point.step for point in resumed.points] == [5, 10, 15, 20, 25, 30]


def test_a_checkpoint_of_an_older_version_has_no_points() -> None:
    table = TrainingProgress().to_table()
    del table["points"]
    assert TrainingProgress.from_table(table) == TrainingProgress()


class Logs(Mapping[str, Any]):
    """Metrics as Keras passes them to callbacks; only the conversion to a number counts as a read."""

    def __init__(self) -> None:
        self.reads: list[float] = []
        self.perplexity = Figure(7.5, self.reads)

    def __getitem__(self, name: str) -> Figure:
        return {"perplexity": self.perplexity}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(["perplexity"])

    def __len__(self) -> int:
        return 1


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(round_callbacks, "time", clock)
    return clock


class Seen:
    """The reports: steps, perplexity, steps per second."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, float, float]] = []

    def __call__(self, steps: int, perplexity: float, steps_per_second: float) -> None:
        self.reports.append((steps, perplexity, steps_per_second))

    @property
    def steps(self) -> list[int]:
        return [steps for steps, _, _ in self.reports]


def take(callbacks: RoundCallbacks, clock: Clock, seconds: list[float]) -> Logs:
    """Take the steps of a round with these durations, and return the metrics."""
    logs = Logs()
    callbacks.on_epoch_begin(0)
    for batch, taken in enumerate(seconds):
        callbacks.on_train_batch_begin(batch)
        clock.now += taken
        callbacks.on_train_batch_end(batch, logs)
    callbacks.on_epoch_end(0, logs)
    return logs


def reporting_to(seen: Seen, *callbacks: keras.callbacks.Callback) -> RoundCallbacks:
    return RoundCallbacks(keras.Sequential(), callbacks, report=seen)


def test_nothing_is_read_between_two_reports(clock: Clock) -> None:
    seen = Seen()
    logs = take(reporting_to(seen), clock, [0.01] * 300)
    assert seen.steps == [1, 3, 7, 15, 31, 63, 113, 163, 213, 263]
    assert len(logs.reads) == len(seen.reports)
    assert {perplexity for _, perplexity, _ in seen.reports} == {7.5}
    assert [pace for _, _, pace in seen.reports] == pytest.approx([100.0] * len(seen.reports))


def test_a_slow_first_step_does_not_delay_later_reports(clock: Clock) -> None:
    seen = Seen()
    take(reporting_to(seen), clock, [20.0, *[0.01] * 30])
    assert seen.steps == [1, 2, 4, 8, 16]
    assert seen.reports[0][2] == pytest.approx(1 / 20.0)
    assert seen.reports[1][2] == pytest.approx(100.0)


@pytest.mark.parametrize("step_seconds", [0.003, 0.02, 0.11, 0.3, 2.0])
def test_reports_are_at_most_half_a_second_apart_and_gaps_at_most_double(clock: Clock, step_seconds: float) -> None:
    seen = Seen()
    take(reporting_to(seen), clock, [step_seconds] * 1000)
    gaps = [after - before for before, after in itertools.pairwise([0, *seen.steps])]
    assert gaps[0] == 1
    assert all(after <= 2 * before for before, after in itertools.pairwise(gaps))
    assert all(gap * step_seconds <= 0.5 + step_seconds for gap in gaps)
    assert gaps[-1] == max(gaps) == max(1, round(0.5 / step_seconds))


def test_each_round_counts_from_its_own_first_step(clock: Clock) -> None:
    seen = Seen()
    callbacks = reporting_to(seen)
    for first in (5.0, 0.25):
        began = clock.now
        take(callbacks, clock, [first, 0.01, 0.01])
        assert callbacks.steps_done == 3
        assert callbacks.first_step_ended - began == pytest.approx(first)
    assert seen.steps == [1, 2, 1, 3]


def test_callbacks_are_called_at_each_step(clock: Clock) -> None:
    seen, heard = Seen(), list[tuple[int, float]]()
    hearing = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: heard.append((batch, *logs.values()))
    )
    take(reporting_to(seen, hearing), clock, [0.01] * 10)
    assert heard == [(batch, 7.5) for batch in range(10)]
    assert seen.steps == [1, 3, 7]
