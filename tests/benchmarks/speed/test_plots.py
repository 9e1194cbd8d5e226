import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.speed.peer import Description, Peer
from harness.speed.plots import draw_report, draw_scaling, require_plots
from harness.speed.provenance import Provenance
from harness.speed.report import Report, Row
from harness.speed.rotation import Measurement, Rotation
from harness.speed.scaling import ScalingReport
from harness.speed.scaling_points import points_around
from harness.speed.workload import Workload
from nextword.errors import MissingExtraError, SettingError

MakePeer = Callable[..., Peer]

PROVENANCE = Provenance("a processor", "an OS", "abc", "today", 0.0)
DESCRIPTION = Description(1234, 2, "float32", "cpu", {})


def make_report(fake: MakePeer, *seconds: float) -> Report:
    measurements = {
        f"peer-{index}": Measurement(fake(f"peer-{index}"), DESCRIPTION, {"step": [each, 1.1 * each]})
        for index, each in enumerate(seconds)
    }
    return Report.of(Rotation(measurements), PROVENANCE)


def make_scaling(fake: MakePeer, base: Workload, products: dict[str, list[float]]) -> ScalingReport:
    report = ScalingReport(points_around(base), PROVENANCE, products=products)
    for point in report.points:
        measurement = Measurement(fake("nextword", workload=point.workload), DESCRIPTION, {"step": [0.1]})
        report.rows[point.workload] = Row.of(measurement)
        report.shares[point.workload] = 0.5 if products else None
    return report


def num_shapes(path: Path) -> int:
    root = ElementTree.parse(path).getroot()  # noqa: S314  # our own file
    assert root.tag.endswith("svg")
    return sum(element.tag.endswith(("path", "use")) for element in root.iter())


def test_a_report_has_a_bar_for_each_peer(fake: MakePeer, tmp_path: Path) -> None:
    shapes = []
    for seconds in ((1, 2), (1, 2, 3)):
        draw_report(make_report(fake, *seconds), tmp_path / "bars.svg")
        shapes.append(num_shapes(tmp_path / "bars.svg"))
    assert shapes[0] < shapes[1]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_figures_draw_the_same_picture(fake: MakePeer, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bars{suffix}"
    drawn = []
    for seconds in ((1, 2), (1, 2), (1, 3)):
        draw_report(make_report(fake, *seconds), path)
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]


def test_scaling_has_panels_for_each_axis_and_the_peak_where_it_was_measured(
    fake: MakePeer, tiny: Workload, tmp_path: Path
) -> None:
    shapes = []
    for products in ({}, {"float32 10x10x10": [1e-3]}):
        draw_scaling(make_scaling(fake, tiny, products), tmp_path / "panels.svg")
        shapes.append(num_shapes(tmp_path / "panels.svg"))
    assert 100 < shapes[0] < shapes[1]


def test_nothing_measured_can_be_drawn(fake: MakePeer, tiny: Workload, tmp_path: Path) -> None:
    draw_report(make_report(fake), tmp_path / "bars.svg")
    draw_scaling(ScalingReport(points_around(tiny), PROVENANCE), tmp_path / "panels.svg")
    assert num_shapes(tmp_path / "bars.svg") > 0


def test_what_cannot_be_drawn_is_refused_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_plots(tmp_path / "bars.svg")
    with pytest.raises(SettingError, match=r"`--plot` must end in .svg, .png, .pdf, but is .*bars.txt"):
        require_plots(tmp_path / "bars.txt")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="plots need matplotlib"):
        require_plots(tmp_path / "bars.svg")
