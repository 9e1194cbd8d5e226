"""The report of a rotation of peers: words per second, ratios, and the share of the processor's peak."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from harness.speed.catalogue import OURS, PRODUCT_PEAK, RATIOS
from harness.speed.provenance import Provenance
from harness.speed.rotation import Measurement, Rotation


class Quartiles(NamedTuple):
    """The values that a quarter, half and three quarters of the samples do not exceed."""

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, samples: list[float]) -> Self:
        """Return the quartiles of some samples."""
        return cls(*(float(value) for value in np.percentile(samples, [25, 50, 75])))


class Peak(NamedTuple):
    """The fastest product: its floating-point operations a second, and its shape."""

    flops_per_second: float
    shape: str


@dataclass(frozen=True)
class Row:
    """The figures of a peer that trains.

    Attributes:
        measurement: What was measured.
        seconds: Quartiles of the seconds of a step.
    """

    measurement: Measurement
    seconds: Quartiles

    @classmethod
    def of(cls, measurement: Measurement) -> Self:
        """Return the figures of a measurement."""
        return cls(measurement, Quartiles.of(measurement.seconds["step"]))

    @property
    def words_per_second(self) -> Quartiles:
        """Words trained on in a second; the upper quartile is that of the faster steps."""
        words = self.measurement.peer.workload.words_per_step
        return Quartiles(*(words / seconds for seconds in reversed(self.seconds)))

    @property
    def flops_per_second(self) -> float:
        """Useful floating-point operations in a second, at the median."""
        return self.words_per_second.median * self.measurement.peer.workload.flops_per_word

    def to_table(self) -> dict[str, Any]:
        """Return the row as a table for JSON."""
        peer, description = self.measurement.peer, self.measurement.description
        return {
            "peer": peer.name,
            "workload": peer.workload.to_table(),
            "parameters": description.parameters,
            "dtype": description.dtype,
            "device": description.device,
            "threads": description.threads,
            "step_seconds": self.seconds._asdict(),
            "words_per_second": self.words_per_second._asdict(),
            "useful_flops_per_second": self.flops_per_second,
            "peak_memory_bytes": self.measurement.peak_memory_bytes,
            "environment": dict(peer.environment),
        }


@dataclass(frozen=True)
class Report:
    """The result of a training benchmark.

    Attributes:
        rows: The peers that train, by name.
        ratios: nextword's words per second over the peer's, by its name; `None` if one of the two is missing.
        peaks: The fastest products, by precision.
        rotation: What was measured.
        provenance: Where, when and of what code.
    """

    rows: dict[str, Row]
    ratios: dict[str, float | None]
    peaks: dict[str, Peak]
    rotation: Rotation
    provenance: Provenance

    @classmethod
    def of(cls, rotation: Rotation, provenance: Provenance) -> Self:
        """Return the report of a rotation."""
        measured = dict(rotation.measurements)
        products = measured.pop(PRODUCT_PEAK, None)
        rows = {name: Row.of(measurement) for name, measurement in measured.items()}
        peaks = peaks_of(products.seconds) if products else {}
        return cls(rows, _ratios(rows), peaks, rotation, provenance)

    @property
    def measured(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.rotation.measurements)

    @property
    def peak_share(self) -> float | None:
        """Useful operations of nextword per second as a fraction of the peak in its precision."""
        row = self.rows.get(OURS)
        return share_of_peak(row, self.peaks) if row else None

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON."""
        measurements = self.rotation.measurements
        provenance = self.provenance.to_table()
        return {
            "words_per_second": {name: row.words_per_second.median for name, row in self.rows.items()},
            "ratios": {name: self.ratios.get(name) for name in RATIOS},
            "other_ratios": {name: ratio for name, ratio in self.ratios.items() if name not in RATIOS},
            "peak_share": self.peak_share,
            "peaks": {dtype: peak._asdict() for dtype, peak in self.peaks.items()},
            "missing": self.rotation.missing,
            **provenance,
            "versions": {name: measurement.description.versions for name, measurement in measurements.items()},
            "rows": [row.to_table() for row in self.rows.values()],
            "samples": {name: measurement.seconds for name, measurement in measurements.items()},
        }


def peaks_of(seconds: dict[str, list[float]]) -> dict[str, Peak]:
    """Return the fastest product of each precision.

    Args:
        seconds: Seconds of each product by precision and shape, such as `bfloat16 448x512x2048`; the operations are
            twice the product of the three sizes.
    """
    peaks: dict[str, Peak] = {}
    for name, samples in seconds.items():
        dtype, shape = name.split()
        rows, inner, columns = map(int, shape.split("x"))
        rate = 2 * rows * inner * columns / Quartiles.of(samples).median
        peaks[dtype] = max(peaks.get(dtype, Peak(0.0, "")), Peak(rate, shape))
    return peaks


def share_of_peak(row: Row, peaks: dict[str, Peak]) -> float | None:
    """Return a peer's useful operations per second as a fraction of the peak in its precision, if that was measured."""
    peak = peaks.get(row.measurement.description.dtype)
    return row.flops_per_second / peak.flops_per_second if peak else None


def _ratios(rows: dict[str, Row]) -> dict[str, float | None]:
    ratios: dict[str, float | None] = dict.fromkeys(RATIOS)
    for name, row in rows.items():
        ours = rows.get(row.measurement.peer.compared_with or "")
        if ours is not None:
            ratios[name] = ours.words_per_second.median / row.words_per_second.median
    return ratios
