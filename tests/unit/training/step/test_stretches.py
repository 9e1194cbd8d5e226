"""The loss within rounds: exact means, without reading the device between two reports."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.text.batching.options import BatchOptions
from nextword.text.batching.streams import VariedStreams
from nextword.training.context import TrainingObserver
from nextword.training.optim.schedule import make_schedule
from nextword.training.options import TrainingOptions
from nextword.training.progress import TrainingPoint, TrainingProgress
from nextword.training.report.log import read_points, write_log
from nextword.training.run import TrainingRun
from nextword.training.step.stretches import Stretches, stretch_ends

MakeRun = Callable[..., TrainingRun]
CutOff = Callable[..., None]


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
def test_stretches_cover_a_round_and_have_at_least_four_steps(round_number: int, num_steps: int) -> None:
    ends = stretch_ends(round_number, num_steps)
    lengths = np.diff([0, *ends])
    assert ends[-1] == num_steps
    assert min(lengths) >= min(4, num_steps)
    assert max(lengths) - min(lengths) <= 1
    assert len(ends) <= max(4, 50 // round_number)


def test_a_long_first_round_has_fifty_points_and_a_late_one_four() -> None:
    assert [len(stretch_ends(number, 2000)) for number in (1, 2, 3, 10, 50)] == [50, 25, 16, 5, 4]


def test_the_perplexity_of_each_stretch_is_that_of_its_tokens_alone() -> None:
    losses, counts = [5.0, 4.0, 3.0, 2.5, 2.0, 1.0], [10.0, 30.0, 10.0, 0.0, 20.0, 5.0]
    found: list[tuple[int, float]] = []
    stretches = Stretches([2, 4, 6], lambda step, perplexity, _speed: found.append((step, perplexity)))
    stretches.begin(np.array(counts), 0.0)
    for step, perplexity in enumerate(cumulative(losses, counts), 1):
        stretches.after_step(step, perplexity)
    stretches.after_report(6, 1.0)
    means = [(50 + 120) / 40, 30 / 10, (40 + 5) / 25]
    assert [step for step, _ in found] == [2, 4, 6]
    assert [perplexity for _, perplexity in found] == pytest.approx(np.exp(means))


def test_a_metric_is_read_only_once_a_later_step_is_known_to_be_done() -> None:
    found: list[int] = []
    reads: list[float] = []
    stretches = Stretches([2, 4, 6], lambda step, *_: found.append(step))
    stretches.begin(np.ones(6), 0.0)
    for step in range(1, 7):
        stretches.after_step(step, Figure(9.0, reads))
        if step == 5:
            assert (found, reads) == ([], [])
            stretches.after_report(5, 1.0)
            assert (found, len(reads)) == ([2, 4], 2)
    stretches.after_report(6, 2.0)
    assert (found, len(reads)) == ([2, 4, 6], 3)


def test_the_speed_leaves_the_first_step_out_and_is_interpolated_between_known_steps() -> None:
    speeds: list[float] = []
    stretches = Stretches([2, 4, 8], lambda _step, _perplexity, speed: speeds.append(speed))
    stretches.begin(np.ones(8), 100.0)
    for step in range(1, 9):
        stretches.after_step(step, 9.0)
        if step in (1, 3, 8):  # 30 s of compilation, then 0.5 s a step, then 0.1 s
            stretches.after_report(step, {1: 130.0, 3: 131.0, 8: 131.5}[step])
    assert speeds == pytest.approx([2.0, 2 / 0.6, 10.0])


@pytest.mark.parametrize("perplexity", [math.inf, math.nan])
def test_a_loss_that_is_not_finite_has_no_point(perplexity: float) -> None:
    found: list[tuple[int, float]] = []
    stretches = Stretches([1, 2], lambda step, value, _speed: found.append((step, round(value, 6))))
    stretches.begin(np.ones(2), 0.0)
    stretches.after_step(1, perplexity)
    stretches.after_step(2, 7.0)
    stretches.after_report(2, 1.0)
    assert found == [(2, 7.0)]


def test_the_points_of_a_round_together_are_its_training_perplexity(
    finished: MakeRun, options: TrainingOptions, tmp_path: Path
) -> None:
    progress = finished(tmp_path, options.replace(round_steps=15)).progress
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
def test_windows_of_different_length_count_by_their_tokens(
    finished: MakeRun, options: TrainingOptions, tmp_path: Path, train_ids: NDArray[np.int32]
) -> None:
    asked = BatchOptions(batch_size=4, num_steps=10, variable_num_steps=True)
    train = VariedStreams(train_ids, asked, first_input=0)
    progress = finished(tmp_path, options.replace(round_steps=10, epochs=1.0), train=train).progress
    (record, *_), (first, second, *_) = progress.records, progress.points
    assert second.step == record.step
    counts = [float(train.window(step).weights.sum()) for step in range(record.step)]
    early, late = sum(counts[: first.step]), sum(counts[first.step :])
    assert early / first.step != late / (second.step - first.step)
    total = early * math.log(first.train_perplexity) + late * math.log(second.train_perplexity)
    assert math.exp(total / sum(counts)) == pytest.approx(record.train_perplexity, rel=1e-5)


@pytest.mark.parametrize("schedule", ["linear", "one_cycle", "constant", "plateau"])
def test_the_learning_rate_of_a_point_is_that_of_the_schedule(
    make_run: MakeRun, options: TrainingOptions, tmp_path: Path, schedule: str
) -> None:
    options = options.replace(schedule=schedule, warmup_fraction=0.2)
    run = make_run(tmp_path, options)
    rate = make_schedule(options, run.plan)
    expected = [rate if isinstance(rate, float) else float(rate(step)) for step in (0, 7, 29)]
    assert run.step.learning_rates([0, 7, 29]) == pytest.approx(expected, rel=1e-6)


class Seen(TrainingObserver):
    def __init__(self) -> None:
        self.points: list[TrainingPoint] = []

    def on_point(self, point: TrainingPoint) -> None:
        self.points.append(point)


def without_clock(points: Sequence[TrainingPoint]) -> list[tuple[int, float, float]]:
    return [(point.step, point.train_perplexity, point.learning_rate) for point in points]


def test_an_interrupted_run_neither_loses_nor_repeats_points(
    finished: MakeRun, cut_off_after_rounds: CutOff, options: TrainingOptions, tmp_path: Path
) -> None:
    options = options.replace(round_steps=10)
    seen = Seen()
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


def test_a_loss_that_explodes_has_no_point_and_raises_no_error() -> None:
    found: list[tuple[int, float]] = []
    stretches = Stretches([49, 50], lambda step, value, _speed: found.append((step, round(value, 3))))
    stretches.begin(np.ones(50), 0.0)
    stretches.after_step(49, math.exp(5.0))
    stretches.after_step(50, math.exp(20.0))  # the last step alone has a loss of 755
    stretches.after_report(50, 1.0)
    assert found == [(49, 148.413)]
