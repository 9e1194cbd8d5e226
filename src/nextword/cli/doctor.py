"""`nextword doctor`: what will training find here, how fast will it be, and what is to be repaired?"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import click
from rich.markup import escape
from rich.table import Table

from nextword.cli.diagnosis import Measurements, Report, diagnose
from nextword.cli.options.command import command
from nextword.cli.options.run_options import preset_option
from nextword.cli.options.setting_option import CommandOptions, option
from nextword.cli.options.shared import json_option
from nextword.cli.output.console import Console
from nextword.cli.output.progress import waiting
from nextword.errors import counted
from nextword.machine.facts import Facts

_Rows = Iterator[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class _DoctorOptions(CommandOptions):
    preset: str = preset_option("quick", "Preset to measure")
    no_measure: bool = option(False, help="Do not measure the speed.")
    strict: bool = option(False, help="Exit with code 1 if there are problems.")
    as_json: bool = json_option()


@command(
    _DoctorOptions,
    examples=[
        "nextword doctor",
        "nextword doctor --no-measure",
        "nextword doctor --preset large --json",
    ],
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
