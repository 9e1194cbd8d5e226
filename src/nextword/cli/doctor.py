"""`nextword doctor`: what will training find here, how fast will it be, and what is to be repaired?"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.markup import escape
from rich.table import Table

from nextword.cli.options.command import command
from nextword.cli.options.run_options import preset_option
from nextword.cli.options.setting_option import JsonOptions, option
from nextword.cli.output.console import Console, waiting
from nextword.errors import counted
from nextword.system.cache import cache_root
from nextword.system.facts import Facts, Problem, find_problems, gather_facts
from nextword.training.config import RunConfig
from nextword.training.planning.memory import training_memory_bytes

if TYPE_CHECKING:
    from nextword.training.planning.speed import TrainingSpeed


# Compiling takes about as long again.
_TRAINING_SECONDS = 5.0
_PRODUCT_SECONDS = 1.0  # for each precision

_VOCABULARY_SIZE = 10_000


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Speeds measured here and now; whatever else is at work at the same time lowers them."""

    compute_dtype: Literal["float32", "bfloat16"]  # precision of the matrix products in training
    reason: str  # why it is this one
    product_peaks_flops_per_second: Mapping[str, float]  # speed of the fastest product, by precision; empty without JAX
    training: "TrainingSpeed | None"  # what training comes to; `None` if the backend cannot train

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
    """Measure precision, products and some seconds of training; Keras must be installed."""
    from nextword.training.planning.speed import measure_training

    say("precision")
    compute_dtype, reason = choose_compute_dtype(config)
    peaks = {}
    if backend == "jax":
        from nextword.model.ops.precision import measure_product_peak

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
    """What `nextword doctor` found."""

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
    """Look at the machine and the framework, and measure if asked and possible."""
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


_Rows = Iterator[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class _DoctorOptions(JsonOptions):
    preset: str = preset_option("quick", "Preset to measure")
    no_measure: bool = option(False, help="Do not measure the speed.")
    strict: bool = option(False, help="Exit with code 1 if there are problems.")


@command(
    _DoctorOptions,
    examples=["nextword doctor", "nextword doctor --no-measure", "nextword doctor --preset large --json"],
)
def doctor(options: _DoctorOptions) -> None:
    """Check this machine and report problems.

    The command looks at processor, memory and framework, and measures the speed of training on random words. This takes
    about 15 seconds. It works without the extra `train`, too, and then says what is missing.
    """
    with waiting("checking this machine") as status:
        report = diagnose(
            options.preset, measuring=not options.no_measure, say=lambda what: status.update(f"measuring {what}")
        )
    if options.as_json:
        click.echo(json.dumps(report.to_table(), allow_nan=False))
    else:
        _print(report)
    if options.strict and report.problems:
        sys.exit(1)


def _print(report: Report) -> None:
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for rows in (_machine(report.facts), _framework(report.facts), _speed(report)):
        for name, value in rows:
            table.add_row(name, escape(value))
        table.add_section()
    console = Console(highlight=False)
    console.print(table)
    for problem in report.problems:
        console.print(f"[bold yellow]problem:[/] {escape(problem.what)}", soft_wrap=True)
        console.print(f"[bold cyan]hint:[/] {escape(problem.repair)}", soft_wrap=True)
    if not report.problems:
        console.print("no problems found")


def _machine(facts: Facts) -> _Rows:
    processor, capacity = facts.processor, facts.capacity
    yield "system", f"{facts.system}, Python {facts.python}"
    yield "processor", f"{processor.name}, {processor.architecture}"
    if processor.features:
        yield "", ", ".join(name if has else f"no {name}" for name, has in processor.features.items())
    if processor.caches:
        yield "caches", ", ".join(f"{name} {_binary(size)}" for name, size in processor.caches.items())
    quota = (
        "" if capacity.core_quota is None else f"; a limit of the container allows the time of {capacity.core_quota:g}"
    )
    yield "cores", f"{capacity.cores} of {capacity.machine_cores}{quota}"
    available, total = map(_gigabytes, (capacity.available_memory_bytes, capacity.memory_bytes))
    yield "memory", f"{available} of {total} available; training needs about {_gigabytes(facts.training_memory_bytes)}"
    if facts.gpus:
        yield "NVIDIA GPUs", ", ".join(facts.gpus)


def _framework(facts: Facts) -> _Rows:
    framework = facts.framework
    yield "packages", ", ".join(f"{name} {version or '(none)'}" for name, version in facts.versions.items())
    yield "Keras backend", framework.backend if framework.usable else f"{framework.backend}, which cannot be used"
    if framework.devices:
        yield "JAX devices", ", ".join(framework.devices)
    yield from facts.setups.items()
    if facts.environment:
        yield "environment", "\n".join(f"{name}={value}" for name, value in facts.environment.items())


def _speed(report: Report) -> _Rows:
    measured = report.measurements
    if report.lstm_path:
        yield "LSTM path", report.lstm_path
    if measured is None:
        return
    yield "precision", f"{measured.compute_dtype}; {measured.reason}"
    if measured.product_peaks_flops_per_second:
        peaks = (
            f"{dtype} {rate / 1e9:,.0f} GFLOP/s" for dtype, rate in measured.product_peaks_flops_per_second.items()
        )
        yield "matrix product", ", ".join(peaks)
    yield f"training {report.preset}", _training(measured)
    load, cores = report.facts.capacity.load, report.facts.capacity.cores
    if load is not None and load >= cores / 2:
        yield (
            "busy machine",
            f"{load:.1f} processes shared {counted(cores, 'core')} before the measurement, so these speeds are too low",
        )


def _training(measured: Measurements) -> str:
    training = measured.training
    if training is None:
        return "not possible on this backend"
    share = "" if measured.share_of_peak is None else f", {measured.share_of_peak:.0%} of the fastest matrix product"
    return (
        f"{training.words_per_second:,.0f} words/s, measured over {training.num_steps} steps on random words\n"
        f"{training.flops_per_second / 1e9:,.0f} useful GFLOP/s{share}\n"
        f"{training.minutes_per_ptb_epoch:.1f} minutes for an epoch of the Penn Treebank, without validation"
    )


def _binary(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:g} MiB" if num_bytes >= 2**20 else f"{num_bytes / 2**10:g} KiB"


def _gigabytes(num_bytes: int | None) -> str:
    return "unknown" if num_bytes is None else f"{num_bytes / 1e9:.1f} GB"
