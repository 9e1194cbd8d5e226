"""`nextword doctor`: what will training find here, how fast will it be, and what is to be repaired?"""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from nextword.models.presets import preset_names

if TYPE_CHECKING:
    from nextword.cli.doctor_report import Measurements, Report
    from nextword.machine.facts import Facts

Rows = Iterator[tuple[str, str]]


@click.command()
@click.option(
    "--preset", default="quick", show_default=True, help=f"What to train in measuring: {', '.join(preset_names())}."
)
@click.option("--no-measure", is_flag=True, help="Look, and measure nothing.")
@click.option("--strict", is_flag=True, help="Exit with 1 where there are problems.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(preset: str, no_measure: bool, strict: bool, as_json: bool) -> None:
    """Look at processor, memory and framework, measure how fast training is, and say what to repair.

    The speed is that of some real training steps on random words: about a quarter of a minute with compiling. It works
    without the training extra, too, and then says what is missing.
    """
    from nextword.cli.console import Console
    from nextword.cli.doctor_report import diagnose

    with Console(stderr=True).status("looking") as status:
        report = diagnose(preset, measuring=not no_measure, say=lambda what: status.update(f"measuring {what}"))
    if as_json:
        click.echo(json.dumps(report.to_table(), allow_nan=False))
    else:
        _print(report)
    if strict and report.problems:
        sys.exit(1)


def _print(report: "Report") -> None:
    from rich.markup import escape
    from rich.table import Table

    from nextword.cli.console import Console

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
        console.print(f"[bold yellow]problem[/] {escape(problem.what)}", soft_wrap=True)
        console.print(f"  repair: {escape(problem.repair)}", soft_wrap=True)
    if not report.problems:
        console.print("no problems found")


def _machine(facts: "Facts") -> Rows:
    processor, capacity = facts.processor, facts.capacity
    yield "system", f"{facts.system}, Python {facts.python}"
    yield "processor", f"{processor.name}, {processor.architecture}"
    if processor.features:
        yield "", ", ".join(name if has else f"no {name}" for name, has in processor.features.items())
    if processor.caches:
        yield "caches", ", ".join(f"{name} {_binary(size)}" for name, size in processor.caches.items())
    quota = "" if capacity.core_quota is None else f", of which {capacity.core_quota:g} cores' worth of time"
    yield "cores", f"{capacity.cores} of {capacity.machine_cores}{quota}"
    available, total = map(_gigabytes, (capacity.available_memory_bytes, capacity.memory_bytes))
    yield "memory", f"{available} of {total} available; training takes about {_gigabytes(facts.training_memory_bytes)}"
    if facts.gpus:
        yield "NVIDIA GPUs", ", ".join(facts.gpus)


def _framework(facts: "Facts") -> Rows:
    framework = facts.framework
    yield "packages", ", ".join(f"{name} {version or '(none)'}" for name, version in facts.versions.items())
    yield "Keras backend", framework.backend if framework.usable else f"{framework.backend}, which cannot be used"
    if framework.devices:
        yield "JAX devices", ", ".join(framework.devices)
    yield from facts.setups.items()
    if facts.environment:
        yield "environment", "\n".join(f"{name}={value}" for name, value in facts.environment.items())


def _speed(report: "Report") -> Rows:
    measured = report.measurements
    if report.lstm_path:
        yield "LSTM path", report.lstm_path
    if measured is None:
        return
    yield "precision", f"{measured.compute_dtype}; {measured.reason}"
    if measured.product_peaks:
        peaks = (f"{dtype} {rate / 1e9:,.0f} GFLOP/s" for dtype, rate in measured.product_peaks.items())
        yield "fastest product", ", ".join(peaks)
    yield f"training {report.preset}", _training(measured)
    load, cores = report.facts.capacity.load, report.facts.capacity.cores
    if load is not None and load >= cores / 2:
        yield "others at work", f"{load:.1f} processes for {cores} cores just before; alone, all of this is faster"


def _training(measured: "Measurements") -> str:
    training = measured.training
    if training is None:
        return "not possible on this backend"
    share = "" if measured.share_of_peak is None else f", {measured.share_of_peak:.0%} of the fastest product"
    return (
        f"{training.words_per_second:,.0f} words/s, measured over {training.num_steps} steps on random words\n"
        f"{training.flops_per_second / 1e9:,.0f} useful GFLOP/s{share}\n"
        f"{training.minutes_per_ptb_epoch:.1f} minutes an epoch of the Penn Treebank, validation aside"
    )


def _binary(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:g} MiB" if num_bytes >= 2**20 else f"{num_bytes / 2**10:g} KiB"


def _gigabytes(num_bytes: int | None) -> str:
    return "unknown" if num_bytes is None else f"{num_bytes / 1e9:.1f} GB"
