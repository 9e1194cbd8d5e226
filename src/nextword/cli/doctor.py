"""`nextword doctor`: what does training find here, how fast is it, and what should be fixed?"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import click
from rich.markup import escape
from rich.table import Table

from nextword.cli.options.command import command
from nextword.cli.options.run_options import preset_option
from nextword.cli.options.setting_option import JsonOptions, option
from nextword.cli.output.console import Console, waiting
from nextword.cli.output.messages import say
from nextword.display.table import table_lines
from nextword.errors import counted
from nextword.system.cache import CacheEntry, cache_entries, cache_limit, cache_root, remove_entry
from nextword.system.facts import Facts, Problem, find_problems, gather_facts
from nextword.training.config import RunConfig
from nextword.training.planning.memory import training_memory_bytes

_TRAINING_SECONDS = 5.0  # compiling takes about as long again
_PRODUCT_SECONDS = 1.0  # for each precision
_VOCABULARY_SIZE = 10_000

_KINDS = {
    "tokens": "token ids and vocabularies of texts",
    "text": "plain text of packed files, records and folders, and texts from Python",
    "samples": "downloaded samples",
    "compiled": "compiled programs of JAX",
    "unfinished": "what is being made, or was interrupted",
}
"""What the cache holds, by the first word of a folder's name."""


@dataclass(frozen=True, kw_only=True)
class _DoctorOptions(JsonOptions):
    preset: str = preset_option("quick", "Preset to measure")
    no_measure: bool = option(False, help="Do not measure the speed.")
    strict: bool = option(False, help="Exit with code 1 if there are problems.")
    cache: bool = option(False, help="Show the cache of texts, token ids and downloads instead.")
    clear_cache: bool = option(False, help="Clear this cache, except what another process has locked.")


@command(
    _DoctorOptions,
    examples=["nextword doctor --no-measure", "nextword doctor --preset large --json", "nextword doctor --cache"],
)
def doctor(options: _DoctorOptions) -> None:
    """Check this machine and report problems.

    The command looks at processor, memory and framework, and measures the speed of training on random words. This takes
    about 15 seconds. It works without the extra `train`, too, and then says what is missing. The cache makes again what
    is missing, except a text that a Python program had in memory; its limit is 20 GB or NEXTWORD_CACHE_GB.
    """
    if options.cache or options.clear_cache:
        _show_cache(options)
        return
    config = RunConfig.of(options.preset)
    measured = path = None
    with waiting("checking this machine") as status:
        memory = training_memory_bytes(config.model.build(_VOCABULARY_SIZE), config.batching)
        facts = gather_facts(memory, cache_root())
        if facts.framework.usable and facts.framework.backend == "jax":
            if not options.no_measure:
                measured = measure(config, lambda what: status.update(f"measuring {what}"))
            from nextword.model.ops.lstm import lstm_path

            path = lstm_path()  # training may have chosen another one
    problems = find_problems(facts)
    table = {
        "preset": options.preset,
        **asdict(facts),
        "lstm_path": path,
        "measurements": measured,
        "problems": list(map(asdict, problems)),
    }
    if options.as_json:
        click.echo(json.dumps(table, allow_nan=False))
    else:
        rows = [*_machine(facts), None, *_framework(facts), None, *_speed(facts, options.preset, path, measured)]
        _print(rows, problems)
    if options.strict and problems:
        sys.exit(1)


def measure(config: RunConfig, tell: Callable[[str], object]) -> dict[str, Any]:
    """Measure precision, products and some seconds of training; other work on the machine lowers the speeds."""
    from nextword.model.ops.precision import measure_product_peak
    from nextword.training.planning.speed import measure_training

    tell("precision")
    compute_dtype, reason = choose_compute_dtype(config)
    tell("products")
    peaks = {dtype: measure_product_peak(dtype, seconds=_PRODUCT_SECONDS) for dtype in ("float32", "bfloat16")}
    tell("training")
    config = replace(config, training=config.training.replace(compute_dtype=compute_dtype))
    training = measure_training(config, seconds=_TRAINING_SECONDS)
    return {
        "compute_dtype": compute_dtype,
        "reason": reason,
        "product_peaks_flops_per_second": peaks,
        "training": {
            **asdict(training),
            "minutes_per_ptb_epoch": training.minutes_per_ptb_epoch,
            "share_of_peak": training.flops_per_second / peaks[compute_dtype],
        },
    }


def choose_compute_dtype(config: RunConfig) -> tuple[Literal["float32", "bfloat16"], str]:
    """Return the precision in which `config` is trained here, and why."""
    from nextword.model.ops.precision import WORTHWHILE_SPEEDUP, bfloat16_speedup, resolve_compute_dtype

    dtype = config.training.compute_dtype
    if dtype != "auto":
        return resolve_compute_dtype(dtype), "the preset asks for it"
    speedup = f"bfloat16 is {bfloat16_speedup():.2f} times as fast as float32 here"
    return resolve_compute_dtype(dtype), f"{speedup}, and is used from {WORTHWHILE_SPEEDUP:g} times on"


def _print(rows: Sequence[tuple[str, str] | None], problems: Sequence[Problem]) -> None:
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        if row is None:
            table.add_section()
        else:
            table.add_row(row[0], escape(row[1]))
    console = Console(highlight=False)
    console.print(table)
    for problem in problems:
        console.print(f"[bold yellow]problem:[/] {escape(problem.what)}", soft_wrap=True)
        console.print(f"[bold cyan]hint:[/] {escape(problem.repair)}", soft_wrap=True)
    if not problems:
        console.print("no problems found")


def _machine(facts: Facts) -> Iterator[tuple[str, str]]:
    processor, capacity = facts.processor, facts.capacity
    yield "system", f"{facts.system}, Python {facts.python}"
    yield "processor", f"{processor.name}, {processor.architecture}"
    if processor.features:
        yield "", ", ".join(name if has else f"no {name}" for name, has in processor.features.items())
    if processor.caches:
        yield "caches", ", ".join(f"{name} {_binary(size)}" for name, size in processor.caches.items())
    quota = capacity.core_quota
    limit = "" if quota is None else f"; a limit of the container allows the time of {quota:g}"
    yield "cores", f"{capacity.cores} of {capacity.machine_cores}{limit}"
    sizes = (capacity.available_memory_bytes, capacity.memory_bytes, facts.training_memory_bytes)
    available, total, needed = ("unknown" if size is None else f"{size / 1e9:.1f} GB" for size in sizes)
    yield "memory", f"{available} of {total} available; training needs about {needed}"
    if facts.gpus:
        yield "NVIDIA GPUs", ", ".join(facts.gpus)


def _framework(facts: Facts) -> Iterator[tuple[str, str]]:
    framework = facts.framework
    yield "packages", ", ".join(f"{name} {version or '(none)'}" for name, version in facts.versions.items())
    yield "Keras backend", framework.backend if framework.usable else f"{framework.backend}, which cannot be used"
    if framework.devices:
        yield "JAX devices", ", ".join(framework.devices)
    yield from facts.setups.items()
    if facts.environment:
        yield "environment", "\n".join(f"{name}={value}" for name, value in facts.environment.items())


def _speed(facts: Facts, preset: str, path: str | None, measured: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if path:
        yield "LSTM path", path
    if measured is None:
        return
    peaks, training = measured["product_peaks_flops_per_second"], measured["training"]
    yield "precision", f"{measured['compute_dtype']}; {measured['reason']}"
    yield "matrix product", ", ".join(f"{dtype} {rate / 1e9:,.0f} GFLOP/s" for dtype, rate in peaks.items())
    speed = f"{training['words_per_second']:,.0f} words/s, measured over {training['num_steps']} steps on random words"
    share = f"{training['share_of_peak']:.0%} of the fastest matrix product"
    epoch = f"{training['minutes_per_ptb_epoch']:.1f} minutes for an epoch of the Penn Treebank, without validation"
    useful = f"{training['flops_per_second'] / 1e9:,.0f} useful GFLOP/s, {share}"
    yield f"training {preset}", "\n".join((speed, useful, epoch))
    load, cores = facts.capacity.load, facts.capacity.cores
    if load is not None and load >= cores / 2:
        shared = f"{load:.1f} processes shared {counted(cores, 'core')} before the measurement"
        yield "busy machine", f"{shared}, so these speeds are too low"


def _show_cache(options: _DoctorOptions) -> None:
    folder, limit = cache_root(), cache_limit()
    if options.clear_cache:
        removed = [entry for entry in cache_entries(folder) if remove_entry(entry)]
        say(f"removed {_size(removed)} from `{folder}`")
    entries = cache_entries(folder)
    if options.as_json:
        rows = [entry._asdict() | {"path": str(entry.path)} for entry in entries]
        size = sum(entry.num_bytes for entry in entries)
        click.echo(json.dumps({"folder": str(folder), "num_bytes": size, "limit": limit, "entries": rows}))
        return
    click.echo(f"{folder}: {_size(entries)} of at most {limit / 10**9:g} GB")
    shown = [entry for entry in entries if entry.num_bytes]  # without the locks of earlier runs
    by_kind = {kind: [entry for entry in shown if entry.kind == kind] for kind in _KINDS}
    cells = [
        (kind, counted(len(some), "entry", "entries"), _size(some), _KINDS[kind])
        for kind, some in by_kind.items()
        if some
    ]
    for line in table_lines(cells, "<<><"):
        click.echo(line)


def _size(entries: Sequence[CacheEntry]) -> str:
    return f"{sum(entry.num_bytes for entry in entries) / 10**6:,.1f} MB"


def _binary(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:g} MiB" if num_bytes >= 2**20 else f"{num_bytes / 2**10:g} KiB"
