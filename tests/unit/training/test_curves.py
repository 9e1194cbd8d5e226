"""The pictures of a run: what they show, when they are drawn, and what they cost."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.errors import MissingExtraError, StorageError
from nextword.training import curves
from nextword.training.curves import CurveDrawer, draw_curves
from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from support.training_records import POINTS, RECORDS, make_points, make_records

WHITE = np.ones(4)
PLAN = Plan(20, 10, (40,))


def colors_of(path: Path) -> Any:
    """The distinct colors of a picture, and the number of pixels that are not white."""
    image = pytest.importorskip("matplotlib.image", reason="needs matplotlib").imread(path)
    points = image.reshape(-1, image.shape[-1])
    return np.unique((points * 255).astype(int), axis=0), int((points != WHITE[: image.shape[-1]]).any(axis=1).sum())


def test_both_pictures_exist_and_are_not_blank(tmp_path: Path) -> None:
    png, svg = draw_curves(RECORDS, tmp_path, title="a run")
    assert (png, svg) == (tmp_path / "curves.png", tmp_path / "curves.svg")
    colors, drawn = colors_of(png)
    for wanted in ((0x8A, 0x8F, 0x98), (0x1F, 0x5F, 0xBF), (0xC2, 0x41, 0x0C)):
        assert (colors[:, :3] == wanted).all(axis=1).any(), wanted
    assert drawn > 5_000
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")  # noqa: S314  # our own file
    assert svg.read_text(encoding="utf-8").count("<path") > 20


def test_the_picture_depends_on_the_records(tmp_path: Path) -> None:
    drawn = []
    for records in (RECORDS, make_records(300.0, 150.0, 110.0, 90.0)):
        png, _ = draw_curves(records, tmp_path, title="a run")
        drawn.append(png.read_bytes())
    assert drawn[0] != drawn[1]


def test_the_same_run_draws_the_same_picture(tmp_path: Path) -> None:
    drawn = [[path.read_bytes() for path in draw_curves(RECORDS, tmp_path, title="a run")] for _ in range(2)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("perplexities", [(100.0,), (3.0, 2.0), (1.0, 1.0), (1e5, 1e6, 2e4)])
def test_few_rounds_and_extreme_perplexities_can_be_drawn(tmp_path: Path, perplexities: tuple[float, ...]) -> None:
    png, _ = draw_curves(make_records(*perplexities), tmp_path, title="a run")
    assert len(colors_of(png)[0]) > 5


def test_without_matplotlib_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="curves need matplotlib, which is missing; install the extra `train`"):
        draw_curves(RECORDS, tmp_path, title="a run")
    assert list(tmp_path.iterdir()) == []


def test_the_points_within_the_rounds_are_drawn(tmp_path: Path) -> None:
    drawn = []
    for points in ((), POINTS, make_points(900.0, 500.0)):
        _, svg = draw_curves(RECORDS, tmp_path, points=points, title="a run")
        drawn.append(svg.read_text(encoding="utf-8"))
    assert len(set(drawn)) == 3
    for label in ("perplexity", "accuracy, %", "learning rate", "words/s"):
        assert f">{label}<" in drawn[0]


class Drawings:
    """Counts the drawings, each of which takes a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.now, self.rounds, self._error = 0.0, list[int](), error
        monkeypatch.setattr(curves, "draw_curves", self._draw)

    def _draw(self, records: Any, directory: Path, **_options: Any) -> None:
        self.now += 1.0
        self.rounds.append(len(records))
        if self._error is not None:
            raise self._error

    def after_rounds(self, seconds: float, count: int, *, finished: bool = False) -> list[int]:
        """Return the rounds that were drawn, if each round takes some seconds."""
        drawer = CurveDrawer(Path("run"), "a run", clock=lambda: self.now)
        records = make_records(*np.linspace(300, 100, count))
        for number in range(1, count + 1):
            self.now += seconds
            progress = TrainingProgress(records=tuple(records[:number]), finished=finished and number == count)
            drawer.on_round(records[number - 1], PLAN, progress)
        return self.rounds


def test_the_curves_are_drawn_after_every_round_that_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Drawings(monkeypatch).after_rounds(50.0, 5) == [1, 2, 3, 4, 5]


def test_drawing_takes_at_most_a_fiftieth_of_the_time_from_the_first_round_on(monkeypatch: pytest.MonkeyPatch) -> None:
    drawings = Drawings(monkeypatch)
    assert drawings.after_rounds(10.0, 101) == [1, *range(6, 102, 5)]
    assert len(drawings.rounds) <= 1 + drawings.now / 50


def test_the_end_of_the_run_draws_the_last_picture_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Drawings(monkeypatch).after_rounds(100.0, 3, finished=True) == [1, 2]


@pytest.mark.parametrize("error", [MissingExtraError("no matplotlib"), StorageError("no space")])
def test_what_cannot_be_drawn_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert Drawings(monkeypatch, error).after_rounds(1000.0, 3) == [1]
