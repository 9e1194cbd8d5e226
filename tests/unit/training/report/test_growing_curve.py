import pytest

from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.report.growing_curve import GrowingCurve
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
