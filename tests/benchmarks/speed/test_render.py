from collections.abc import Callable

import pytest
from rich.console import Console, RenderableType

from harness.speed.peer import Description, Peer
from harness.speed.provenance import Provenance
from harness.speed.render import render_report, render_scaling
from harness.speed.report import Report, Row
from harness.speed.rotation import Measurement, Rotation
from harness.speed.scaling import ScalingReport
from harness.speed.scaling_points import points_around
from harness.speed.workload import Workload

MakePeer = Callable[..., Peer]

DESCRIPTION = Description(1234, 2, "bfloat16", "cpu", {})
IDLE = Provenance("a processor", "an OS", "abc", "today", 0.0)
BUSY = Provenance("a processor", "an OS", None, "today", 3.0)


def text_of(renderable: RenderableType) -> str:
    console = Console(width=160, highlight=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def measured(peer: Peer, seconds: float) -> Measurement:
    return Measurement(peer, DESCRIPTION, {"step": [seconds]}, 5 * 10**6)


def test_a_report_is_a_table_with_a_line_for_each_peer(fake: MakePeer) -> None:
    measurements = {
        "nextword": measured(fake("nextword"), 0.001),
        "keras-jax": measured(fake("keras-jax", compared_with="nextword"), 0.002),
        "product-peak": Measurement(fake("product-peak"), DESCRIPTION, {"bfloat16 100x100x100": [1e-5]}, 0),
    }
    text = text_of(render_report(Report.of(Rotation(measurements, {"pytorch-float32": "not [here]"}), IDLE)))
    lines = text.splitlines()
    (ours,) = [line for line in lines if line.split()[:1] == ["nextword"] and "2 x 8" in line]
    assert ours.split()[-2:] == ["5", "MB"]
    for part in ("2 x 3", "1,234", "bfloat16", "1.0", "6,000"):
        assert part in ours
    assert any("keras-jax" in line and "2.00 x as fast" in line for line in lines)
    assert any(line.split() == ["pytorch-float32", "missing"] for line in lines)
    assert "missing: pytorch-float32: not [here]" in lines
    assert "fastest matrix products: bfloat16 200 GFLOP/s (100x100x100)" in lines
    assert "nextword reaches 0% of the fastest products in its precision" in lines
    assert "commit abc" in text
    assert "not idle" not in text


def test_a_busy_machine_is_told(fake: MakePeer) -> None:
    text = text_of(render_report(Report.of(Rotation({"nextword": measured(fake("nextword"), 1)}), BUSY)))
    assert "not idle in the minute before (load 3.0)" in text
    assert "commit unknown" in text


@pytest.mark.parametrize("share", [0.5, None])
def test_scaling_is_a_table_with_a_line_for_each_point(fake: MakePeer, tiny: Workload, share: float | None) -> None:
    points = points_around(tiny)
    report = ScalingReport(points, IDLE, missing={"batch_size 1": "too small"})
    for point in points:
        if point.workload.batching.batch_size > 1:
            report.rows[point.workload] = Row.of(measured(fake("nextword", workload=point.workload), 0.001))
            report.shares[point.workload] = share
    lines = text_of(render_scaling(report)).splitlines()
    assert sum(line.split()[:1] == ["vocabulary_size"] for line in lines) == 4
    assert any(line.split() == ["batch_size", "1", "missing"] for line in lines)
    assert "missing: batch_size 1: too small" in lines
    (four,) = [line for line in lines if line.split()[:2] == ["batch_size", "4"]]
    assert ("50%" in four) == (share is not None)
    assert "12,000" in four
