"""What `nextword doctor` looks at and measures: machine, framework, speed of training."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from nextword.disk.cache import cache_root
from nextword.machine.facts import Facts, gather_facts
from nextword.machine.problems import Problem, find_problems
from nextword.training.config import RunConfig
from nextword.training.planning.memory_estimate import training_memory_bytes

if TYPE_CHECKING:
    from nextword.training.planning.speed import TrainingSpeed

# Compiling takes about as long again.
_TRAINING_SECONDS = 5.0
_PRODUCT_SECONDS = 1.0  # for each precision

_VOCABULARY_SIZE = 10_000


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Speeds measured here and now; whatever else is at work at the same time lowers them.

    Attributes:
        compute_dtype: Precision of the matrix products in training.
        reason: Why it is this one.
        product_peaks_flops_per_second: Speed of the fastest product, by precision; empty without JAX.
        training: What training comes to; `None` if the backend cannot train.
    """

    compute_dtype: Literal["float32", "bfloat16"]
    reason: str
    product_peaks_flops_per_second: Mapping[str, float]
    training: "TrainingSpeed | None"

    @property
    def share_of_peak(self) -> float | None:
        """Useful operations of training over those of the fastest product in the same precision."""
        peak = self.product_peaks_flops_per_second.get(self.compute_dtype)
        return self.training.flops_per_second / peak if self.training and peak else None

    def to_table(self) -> dict[str, Any]:
        """Return the measurements as a table for JSON."""
        table = asdict(self)
        if self.training:
            table["training"]["minutes_per_ptb_epoch"] = self.training.minutes_per_ptb_epoch
            table["training"]["share_of_peak"] = self.share_of_peak
        return table


def measure(config: RunConfig, backend: str, say: Callable[[str], None]) -> Measurements:
    """Measure precision, products and some seconds of training; Keras must be installed.

    Args:
        config: What is trained.
        backend: The backend that Keras uses.
        say: Receives what is being measured.
    """
    from nextword.training.planning.speed import measure_training

    say("precision")
    compute_dtype, reason = choose_compute_dtype(config)
    peaks = {}
    if backend == "jax":
        from nextword.model.ops.product_peak import measure_product_peak

        say("products")
        peaks = {dtype: measure_product_peak(dtype, seconds=_PRODUCT_SECONDS) for dtype in ("float32", "bfloat16")}
    say("training")
    try:
        config = replace(config, training=config.training.replace(compute_dtype=compute_dtype))
        training = measure_training(config, seconds=_TRAINING_SECONDS)
    except NotImplementedError:  # Keras's numpy backend
        training = None
    return Measurements(
        compute_dtype=compute_dtype, reason=reason, product_peaks_flops_per_second=peaks, training=training
    )


def choose_compute_dtype(config: RunConfig) -> tuple[Literal["float32", "bfloat16"], str]:
    """Return the precision in which `config` is trained here, and why."""
    from nextword.model.ops.precision import WORTHWHILE_SPEEDUP, bfloat16_speedup, resolve_compute_dtype

    dtype = config.training.compute_dtype
    if dtype != "auto":
        return resolve_compute_dtype(dtype), "the preset asks for it"
    speedup = f"bfloat16 is {bfloat16_speedup():.2f} times as fast as float32 here"
    return resolve_compute_dtype(dtype), f"{speedup}, and is used from {WORTHWHILE_SPEEDUP:g} times on"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `nextword doctor` found.

    Attributes:
        preset: The preset that it had in mind.
        facts: What machine and framework are.
        lstm_path: What runs the LSTM recurrence; `None` if the framework cannot be used.
        measurements: What was measured; `None` if it was not asked for or is not possible.
        problems: What to repair.
    """

    preset: str
    facts: Facts
    lstm_path: str | None
    measurements: Measurements | None
    problems: tuple[Problem, ...]

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON; memory in bytes, speeds in operations or words a second."""
        return {
            "preset": self.preset,
            **asdict(self.facts),
            "lstm_path": self.lstm_path,
            "measurements": self.measurements and self.measurements.to_table(),
            "problems": [asdict(problem) for problem in self.problems],
        }


def diagnose(preset: str, *, measuring: bool = True, say: Callable[[str], None] = lambda _what: None) -> Report:
    """Look at the machine and the framework, and measure if asked and possible.

    Args:
        preset: What to train in the measurement.
        measuring: Whether to measure; about a quarter of a minute, half of it compiling.
        say: Receives what is being measured.

    Raises:
        SettingError: There is no preset of that name.

    Example:
        >>> diagnose("quick", measuring=False).facts.capacity.cores >= 1
        True
    """
    config = RunConfig.of(preset)
    architecture = config.model.build(_VOCABULARY_SIZE)
    facts = gather_facts(training_memory_bytes(architecture, config.batching), cache_root())
    measurements = path = None
    if facts.framework.usable:
        if measuring:
            measurements = measure(config, facts.framework.backend, say)
        from nextword.model.ops.lstm import lstm_path

        path = lstm_path()  # training may have chosen another one
    return Report(preset=preset, facts=facts, lstm_path=path, measurements=measurements, problems=find_problems(facts))
