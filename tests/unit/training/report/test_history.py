"""The history of a run, its log, and its curve."""

import csv
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import CheckpointError, SettingError, StorageError
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.report.history import (
    CurveDrawer,
    GrowingCurve,
    TrainingHistory,
    curve_picture,
    draw_curves,
    read_log,
    read_points,
    write_log,
)
from support.training_records import PLAN, POINTS, RECORDS, make_points, make_records

SVG = "{http://www.w3.org/2000/svg}"


def drawn(tmp_path: Path, records: list[RoundRecord] = RECORDS, title: str = "a run") -> ElementTree.Element:
    return ElementTree.parse(draw_curves(records, tmp_path, points=POINTS, title=title)).getroot()  # noqa: S314


def test_it_shows_every_point_and_round_and_where_the_best_one_is(tmp_path: Path) -> None:
    root = drawn(tmp_path)
    lines = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    assert [len(line) for line in lines] == [len(POINTS), len(RECORDS)]
    circles = [(f"{each.attrib['cx']},{each.attrib['cy']}", each.attrib["r"]) for each in root.iter(f"{SVG}circle")]
    assert circles == [*((point, "3") for point in lines[1]), (lines[1][2], "5")]
    assert [path.name for path in tmp_path.iterdir()] == ["curves.svg"]


def test_it_says_its_title_and_the_latest_and_best_numbers(tmp_path: Path) -> None:
    texts = [text.text for text in drawn(tmp_path, title="auto on R&D").iter(f"{SVG}text")]
    assert {"auto on R&D", "train (dropout on) 120.0", "valid 130.0", "best 110.0", "perplexity", "epochs"} <= set(
        texts
    )


def test_a_file_has_its_own_colors_for_light_and_dark_pages_and_a_notebook_those_of_the_page(tmp_path: Path) -> None:
    draw_curves(RECORDS, tmp_path, title="a run")
    assert "prefers-color-scheme:dark" in (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert "<style" not in curve_picture(GrowingCurve.of(RECORDS, ()))


def test_the_same_run_draws_the_same_picture_and_another_run_or_other_points_another_one(tmp_path: Path) -> None:
    pictures = [
        draw_curves(records, tmp_path, points=points, title="a run").read_bytes()
        for records, points in (
            (RECORDS, POINTS),
            (RECORDS, POINTS),
            (RECORDS, ()),
            (RECORDS, make_points(900.0, 500.0)),
            (make_records(300.0, 90.0), POINTS),
        )
    ]
    assert pictures[0] == pictures[1]
    assert len(set(pictures)) == 4


@pytest.mark.parametrize("perplexities", [(100.0,), (3.0, 2.0), (1.0, 1.0), (1e5, 1e6, 2e4)])
def test_few_rounds_and_extreme_perplexities_can_be_drawn(tmp_path: Path, perplexities: tuple[float, ...]) -> None:
    root = drawn(tmp_path, make_records(*perplexities))
    assert len(list(root.iter(f"{SVG}circle"))) == len(perplexities) + 1  # the best one twice
    assert all(0 <= float(each.attrib["cy"]) <= 260 for each in root.iter(f"{SVG}circle"))


def test_it_is_drawn_after_every_round(tmp_path: Path) -> None:
    drawer = CurveDrawer(tmp_path, "a run")
    for number in (1, 2):
        drawer.on_round(RECORDS[number - 1], PLAN, TrainingProgress(records=tuple(RECORDS[:number])))
        assert (tmp_path / "curves.svg").read_text(encoding="utf-8").count("<circle") == number + 1


def test_what_cannot_be_drawn_does_not_stop_the_run(tmp_path: Path) -> None:
    CurveDrawer(tmp_path / "missing", "a run").on_round(RECORDS[0], PLAN, TrainingProgress(records=tuple(RECORDS)))
    assert list(tmp_path.iterdir()) == []


def test_a_history_without_rounds_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="a curve must have at least one round"):
        TrainingHistory(()).plot(tmp_path)


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


records = st.lists(
    st.builds(
        RoundRecord,
        **{
            field.name: st.integers(0, 10**6) if field.type is int else st.floats(0, 1e9, allow_nan=False)
            for field in fields(RoundRecord)
        },
    ),
    max_size=5,
)


def read_csv(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def read_jsonl(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(records)
def test_both_files_have_every_round_exactly_and_nothing_else(tmp_path: Path, records: list[RoundRecord]) -> None:
    write_log(tmp_path, TrainingProgress(records=tuple(records)))
    expected = [asdict(record) for record in records]
    assert read_jsonl(tmp_path / "log.jsonl") == expected
    assert read_csv(tmp_path / "log.csv") == expected
    header = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.split(",") == [field.name for field in fields(RoundRecord)]
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "log.csv", "points.jsonl"}


def test_a_log_that_cannot_be_written_is_an_error_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"points\.jsonl` could not be written"):
        write_log(tmp_path / "absent", TrainingProgress())


def test_a_written_log_is_read_back(tmp_path: Path) -> None:
    assert read_log(tmp_path / "log.jsonl") == ()
    assert read_points(tmp_path / "points.jsonl") == ()
    write_log(tmp_path, TrainingProgress(records=tuple(RECORDS), points=tuple(POINTS)))
    assert read_log(tmp_path / "log.jsonl") == tuple(RECORDS)
    assert read_points(tmp_path / "points.jsonl") == tuple(POINTS)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"{}", b"\xff"])
def test_a_damaged_log_is_an_error_with_a_repair(tmp_path: Path, content: bytes) -> None:
    for name, read in (("log.jsonl", read_log), ("points.jsonl", read_points)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            CheckpointError, match=rf"{name}` must be a file written by a training run.*--resume {tmp_path}"
        ):
            read(tmp_path / name)
