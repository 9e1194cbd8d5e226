import pytest

from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.report.growing_curve import GrowingCurve, even_ticks, ticks_between
from support.training_records import POINTS, RECORDS

PLAN = Plan(20, 10, (40,))


def test_a_curve_grows_by_points_and_rounds_and_begins_with_those_of_a_resumed_run() -> None:
    grown, resumed = GrowingCurve(), GrowingCurve()
    grown.start(PLAN, TrainingProgress())
    assert grown.is_empty
    for point in POINTS:
        grown.add_point(point)
    for record in RECORDS:
        grown.add_round(record, PLAN)
    resumed.start(PLAN, TrainingProgress(records=tuple(RECORDS), points=tuple(POINTS)))
    assert grown == resumed
    assert (grown.train[0], grown.valid[0], grown.epochs) == ((0.25, 900.0), (0.5, 300.0), 2.0)


def test_a_run_without_points_shows_its_rounds() -> None:
    assert GrowingCurve.of(RECORDS, ()).train == [(record.epoch, record.train_perplexity) for record in RECORDS]


@pytest.mark.parametrize(("epochs", "last"), [(40.0, 1.0), (0.8, 0.8), (0.0, 0.5)])
def test_the_axis_reaches_twice_as_far_as_the_curve_but_not_beyond_the_run(epochs: float, last: float) -> None:
    assert GrowingCurve([(0.25, 9.0), (0.5, 8.0)], [], epochs).last_epoch == last


def test_equal_perplexities_have_a_range_around_them() -> None:
    low, high = GrowingCurve([(1.0, 9.0)], [(1.0, 9.0)]).perplexities
    assert low < 9.0 < high
    assert GrowingCurve([(1.0, 9.0)], [(1.0, 90.0)]).perplexities == (9.0, 90.0)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (90, 1200, [100, 200, 500, 1000]),
        (105, 490, [150, 200, 300, 400]),
        (1.0, 1.2, [1, 1.05, 1.1, 1.15, 1.2]),
        (405.7, 490, [420, 440, 460, 480]),
        (2, 1e6, [2, 50, 1000, 2e4, 5e5]),
    ],
)
def test_perplexities_on_an_axis_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert ticks_between(low, high, 5) == pytest.approx(ticks)


@pytest.mark.parametrize("last", [0.003, 0.1, 0.4, 1.0, 2.3, 40.0, 12_345.0])
@pytest.mark.parametrize("most", [2, 4, 8])
def test_epochs_on_an_axis_begin_at_zero_and_are_few(last: float, most: int) -> None:
    ticks = even_ticks(last, most)
    assert ticks[0] == 0
    assert 1 <= len(ticks) <= most
    assert ticks[-1] <= last * (1 + 1e-6)
