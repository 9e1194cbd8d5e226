"""How the cost of a word grows with the batch, the steps, the width, the vocabulary and the layers."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from harness.speed.peer import Peer
from harness.speed.provenance import Provenance
from harness.speed.report import Peak, Row, peaks_of, share_of_peak
from harness.speed.rotation import Measurement, failure_noted
from harness.speed.scaling_points import Point
from harness.speed.worker import Worker
from harness.speed.workload import Workload

Seconds = dict[str, list[float]]

_REPETITIONS_OF_A_PRODUCT = 3


@dataclass
class ScalingReport:
    """How fast nextword trains at every point.

    Attributes:
        points: The points.
        provenance: Where, when and of what code.
        rows: The figures of those that were measured, by workload.
        shares: Useful operations per second as a fraction of the product peak measured right before and right after.
        products: Seconds of the products, over the whole run.
        missing: What could not be measured, and why.
    """

    points: Sequence[Point]
    provenance: Provenance
    rows: dict[Workload, Row] = field(default_factory=dict)
    shares: dict[Workload, float | None] = field(default_factory=dict)
    products: Seconds = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.rows)

    @property
    def peaks(self) -> dict[str, Peak]:
        """The fastest products of the whole run, by precision."""
        return peaks_of(self.products)

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON."""
        return {
            "points": [self._point_table(point) for point in self.points if point.workload in self.rows],
            "peaks": {dtype: peak._asdict() for dtype, peak in self.peaks.items()},
            "missing": self.missing,
            **self.provenance.to_table(),
            "versions": next((row.measurement.description.versions for row in self.rows.values()), {}),
            "samples": {"product-peak": self.products},
        }

    def _point_table(self, point: Point) -> dict[str, Any]:
        row = self.rows[point.workload]
        return {
            "axis": point.axis,
            "value": point.value,
            **row.to_table(),
            "words_per_second": row.words_per_second.median,
            "peak_share": self.shares[point.workload],
            "samples": row.measurement.seconds["step"],
        }


def measure_scaling(
    points: Sequence[Point],
    *,
    peer_of: Callable[[Workload], Peer],
    product_peak: Peer,
    steps: int,
    timeout: float,
    say: Callable[[str], None],
) -> ScalingReport:
    """Measure every point in a separate process, and the product peak before the first and after each.

    Args:
        points: The points; a workload on several axes is measured once.
        peer_of: Makes the peer that trains a workload.
        product_peak: The peer that multiplies matrices.
        steps: Number of training steps at a point.
        timeout: Seconds within which a peer must have warmed up, and within which it must have run its steps.
        say: Receives messages about the progress.
    """
    report = ScalingReport(points, Provenance.now())
    products = Worker(product_peak, timeout=timeout)
    names = {point.workload: f"{point.axis} {point.value}" for point in reversed(points)}
    with ExitStack() as running:
        with failure_noted(report.missing, product_peak.name, say):
            running.enter_context(products)
        before = _measure_products(report, products, say)
        for number, workload in enumerate(dict.fromkeys(point.workload for point in points), start=1):
            say(f"point {number} of {len(names)}: {names[workload]}")
            with failure_noted(report.missing, names[workload], say):
                report.rows[workload] = _measure(Worker(peer_of(workload), timeout=timeout), steps)
            after = _measure_products(report, products, say)
            if workload in report.rows:
                report.shares[workload] = share_of_peak(report.rows[workload], peaks_of(_joined(before, after)))
            before = after
    return report


def _measure(worker: Worker, steps: int) -> Row:
    with worker:
        measurement = Measurement(worker.peer, worker.description)
        measurement.add(worker.run(steps))
    return Row.of(measurement)


def _measure_products(report: ScalingReport, worker: Worker, say: Callable[[str], None]) -> Seconds:
    seconds: Seconds = {}
    if worker.peer.name not in report.missing:
        with failure_noted(report.missing, worker.peer.name, say):
            seconds = worker.run(_REPETITIONS_OF_A_PRODUCT).seconds
    report.products = _joined(report.products, seconds)
    return seconds


def _joined(first: Seconds, second: Seconds) -> Seconds:
    return {name: first.get(name, []) + second.get(name, []) for name in {**first, **second}}
