"""The report of the inference benchmark: ratios, a step beside reading the weights, and waiting times."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.inference.catalogue import KEYS, LOAD, SCORE, START, STEP, WITHOUT_ONEDNN, name_of
from harness.inference.settings import Effort, ModelSize
from harness.inference.work import InferenceWork, Precision
from harness.speed.provenance import Provenance
from harness.speed.report import Quartiles
from harness.speed.rotation import MeasurementOf, RotationOf

PRECISIONS: tuple[Precision, ...] = ("int8", "float32")

_OUR_INT8_STEP, _THEIR_INT8_STEP = name_of(STEP, "nextword", "int8"), name_of(STEP, "pytorch", "int8")
_THEIR_FLOAT32_STEP = name_of(STEP, "pytorch", "float32")

# The unit of work that each kind of peer repeats, as the peers call it.
_SHARE, _READ, _KEY = "share", "read", "key"


@dataclass(frozen=True)
class InferenceReport:
    """The result of an inference benchmark; a figure is `None` where what it needs is missing.

    Attributes:
        size: How large the model is.
        effort: How much was measured.
        made: The answer of the program that made the models and the sentences.
        rotation: What was measured.
        provenance: Where, when and of what code.
    """

    size: ModelSize
    effort: Effort
    made: dict[str, Any]
    rotation: RotationOf[InferenceWork]
    provenance: Provenance

    @property
    def measured(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.rotation.measurements)

    def seconds(self, name: str, what: str) -> list[float]:
        """Return the seconds of every repetition of a task by a peer; empty if it was not measured."""
        measurement = self.rotation.measurements.get(name)
        return measurement.seconds.get(what, []) if measurement else []

    def step_seconds(self, name: str) -> Quartiles | None:
        """Return the quartiles of a step of a peer."""
        return _quartiles(self.seconds(name, STEP))

    def words_per_second(self, by: str, precision: Precision) -> float | None:
        """Return words scored in a second, over all sentences together."""
        seconds = self.seconds(name_of(SCORE, by, precision), _SHARE)
        return self.made["words"] / sum(seconds) if seconds else None

    @property
    def scoring_engine(self) -> Precision | None:
        """The precision in which nextword scores faster."""
        rates = [(rate, each) for each in PRECISIONS if (rate := self.words_per_second("nextword", each))]
        return max(rates)[1] if rates else None

    @property
    def ratios(self) -> dict[str, float | None]:
        """How many times as fast nextword is: a step in int8, and scoring in `scoring_engine` beside float32."""
        engine = self.scoring_engine
        return {
            "pytorch-int8": self._step_ratio(_THEIR_INT8_STEP, _OUR_INT8_STEP),
            "pytorch-float32": self._step_ratio(_THEIR_FLOAT32_STEP, _OUR_INT8_STEP),
            "scoring": self._scoring_ratio(engine, "float32") if engine else None,
        }

    @property
    def other_ratios(self) -> dict[str, float | None]:
        """The same beside PyTorch without oneDNN, and for each precision beside itself."""
        return {
            "pytorch-float32-without-onednn": self._step_ratio(WITHOUT_ONEDNN, _OUR_INT8_STEP),
            "step-float32": self._step_ratio(_THEIR_FLOAT32_STEP, name_of(STEP, "nextword", "float32")),
            "scoring-float32": self._scoring_ratio("float32", "float32"),
            "scoring-int8": self._scoring_ratio("int8", "int8"),
        }

    @property
    def bytes_per_second(self) -> float | None:
        """Bandwidth of one thread that reads memory, in the process of the int8 steps."""
        reading = self._reading
        return None if reading is None else reading[0] / reading[1].median

    @property
    def step_over_read(self) -> float | None:
        """A step in int8 over the time to read its weights, a byte each, once from memory."""
        step, rate = self.step_seconds(_OUR_INT8_STEP), self.bytes_per_second
        return None if step is None or rate is None else step.median * rate / self.size.weights_per_step

    @property
    def cold_start_seconds(self) -> float | None:
        """Seconds from the start of a process to its end, with an answer."""
        return _median(self.seconds(START, "start"))

    @property
    def cold_start_bytes(self) -> int | None:
        """Peak memory of such a process."""
        measurement = self.rotation.measurements.get(START)
        return measurement.peak_memory_bytes if measurement else None

    @property
    def load_seconds(self) -> float | None:
        """Seconds to read the bundle and start the engine, in a running process."""
        return _median(self.seconds(LOAD, "load"))

    def key_milliseconds(self, percent: float) -> float | None:
        """Return the time in ms that `percent` of the keys do not exceed."""
        seconds = self.seconds(KEYS, _KEY)
        return 1000 * float(np.percentile(seconds, percent)) if seconds else None

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON, the figures that matter on top."""
        measurements = self.rotation.measurements
        return {
            "ratios": self.ratios,
            "step_over_read": self.step_over_read,
            "cold_start_seconds": self.cold_start_seconds,
            "load_seconds": self.load_seconds,
            "suggest_p99_ms": self.key_milliseconds(99),
            "suggest_p50_ms": self.key_milliseconds(50),
            "cold_start_bytes": self.cold_start_bytes,
            "scoring_engine": self.scoring_engine,
            "words_per_second": self._words_table(),
            "other_ratios": self.other_ratios,
            "reading": self._reading_table(),
            "missing": self.rotation.missing,
            **self.provenance.to_table(),
            "versions": {name: measurement.description.versions for name, measurement in measurements.items()},
            "model": self.size.to_table(),
            "effort": self.effort.to_table(),
            "made": self.made,
            "rows": [_row_table(measurement) for measurement in measurements.values()],
            "samples": {name: measurement.seconds for name, measurement in measurements.items()},
        }

    @property
    def _reading(self) -> tuple[int, Quartiles] | None:
        """The size of the buffer in bytes, and the quartiles of the seconds to read it."""
        quartiles = _quartiles(self.seconds(_OUR_INT8_STEP, _READ))
        if quartiles is None:
            return None
        return self.rotation.measurements[_OUR_INT8_STEP].peer.workload.buffer_bytes, quartiles

    def _step_ratio(self, theirs: str, ours: str) -> float | None:
        """Return how many times as long a peer's step takes as one of nextword's."""
        seconds = self.step_seconds(theirs), self.step_seconds(ours)
        return None if seconds[0] is None or seconds[1] is None else seconds[0].median / seconds[1].median

    def _scoring_ratio(self, ours: Precision, theirs: Precision) -> float | None:
        rates = self.words_per_second("nextword", ours), self.words_per_second("pytorch", theirs)
        return None if rates[0] is None or rates[1] is None else rates[0] / rates[1]

    def _words_table(self) -> dict[str, float | None]:
        return {
            name_of(SCORE, by, precision): self.words_per_second(by, precision)
            for by in ("nextword", "pytorch")
            for precision in PRECISIONS
        }

    def _reading_table(self) -> dict[str, Any] | None:
        if self._reading is None:
            return None
        return {
            "buffer_bytes": self._reading[0],
            "seconds": self._reading[1]._asdict(),
            "bytes_per_second": self.bytes_per_second,
            "weight_bytes": self.size.weights_per_step,
        }


def _row_table(measurement: MeasurementOf[InferenceWork]) -> dict[str, Any]:
    description = measurement.description
    return {
        "peer": measurement.peer.name,
        "parameters": description.parameters,
        "dtype": description.dtype,
        "device": description.device,
        "threads": description.threads,
        "seconds": {what: Quartiles.of(seconds)._asdict() for what, seconds in measurement.seconds.items()},
        "peak_memory_bytes": measurement.peak_memory_bytes,
    }


def _quartiles(seconds: list[float]) -> Quartiles | None:
    return Quartiles.of(seconds) if seconds else None


def _median(seconds: list[float]) -> float | None:
    return Quartiles.of(seconds).median if seconds else None
