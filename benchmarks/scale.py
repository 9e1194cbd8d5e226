"""Speed and memory by the size of the text, and speed by the number of processes and the strategy.

python benchmarks/scale.py --json scale.json
python benchmarks/scale.py --only strategies --json strategies.json
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.links import measure_link
from harness.memory import PeakMemory, resident
from harness.process import PROGRAMS, Process
from harness.report import Report, json_option, reporting
from harness.strategies import STRATEGIES, StrategyWork, forecast, measure_strategy, prefixes_of, train_to_the_end
from harness.zipf_text import ZipfText
from nextword.system.capacity import count_cores
from nextword.training.options import Strategy

_COUNTS = (1, 2, 4)


@click.command()
@click.option(
    "--size",
    "sizes",
    metavar="MIB",
    type=click.IntRange(1),
    multiple=True,
    default=(64, 1024, 4096),
    show_default=True,
    help="Size of the text in MiB. Repeat it for several.",
)
@click.option("--processes", type=click.IntRange(1), help="Processes that read the text.  [default: one for each core]")
@click.option("--words", type=click.IntRange(1), default=200_000, show_default=True, help="Different words.")
@click.option("--tokenizer", type=click.Choice(["word", "subword", "pretokenized", "character"]), default="word")
@click.option("--maximum-vocabulary", type=click.IntRange(3), default=50_000, show_default=True)
@click.option("--only", type=click.Choice(["text", "strategies"]), help="Measure one of the two.  [default: both]")
@click.option("--quality/--no-quality", default=True, help="For the strategies, also compare perplexities.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Where texts are written."
)
@click.option("--timeout", type=click.FloatRange(0.1), default=7200.0, show_default=True, help="Seconds for one text.")
@json_option
def scale(
    sizes: tuple[int, ...],
    processes: int | None,
    words: int,
    only: str | None,
    quality: bool,
    folder: Path | None,
    timeout: float,
    json_path: Path | None,
    **options: Any,
) -> None:
    """Measure how fast texts become token ids and how much memory that takes, and how fast several processes train.

    The texts are made of words that are drawn by Zipf's law, so their entropy is known. They need the disk space of a
    text three times: for itself, for the ids of its shards and for its ids.

    For the strategies, train the preset `quick` on the sample text with one, two and four processes of this machine by
    each strategy, and compare the perplexity of local-steps with one process in the same time.
    """
    with reporting("scale", json_path) as report:
        text = ZipfText(vocabulary_size=words)
        if only != "strategies":
            report.say(f"entropy: {text.word_entropy:.4f} nats a word, {text.token_entropy:.4f} a token")
            for size in sizes:
                with TemporaryDirectory(dir=folder, prefix="scale-") as name:
                    path = Path(name) / f"zipf-{size}.txt"
                    text.write(path, size * 2**20)
                    reading = read_text(path, options, processes or count_cores(), timeout, report)
                    report.add("text", **reading, **options)
        if only != "text":
            strategies(StrategyWork(), _COUNTS, report, timeout, quality=quality)


def read_text(path: Path, options: dict[str, Any], processes: int, timeout: float, report: Report) -> dict[str, float]:
    """Read a text in a process of its own; return the speed, and the memory above what is resident before."""
    num_bytes = path.stat().st_size
    command = [sys.executable, str(PROGRAMS / "scale_text.py"), str(path), str(path.parent), json.dumps(options)]
    with Process(command, {"NEXTWORD_TEXT_PROCESSES": str(processes)}) as program, program.ended_on_error():
        number = program.request({}, timeout)["process"]
        baseline = resident(number).whole
        report.say(f"reading {num_bytes / 1e6:,.0f} MB with {processes} processes")
        with PeakMemory(number) as memory:
            result = program.request({}, timeout)
        report.say("the tokenizers library alone, on lines in memory with a known vocabulary")
        library = program.request({}, timeout)["bytes_per_s"]
    return {
        "num_bytes": num_bytes,
        **result,
        "processes": processes,
        "mb_per_s": round(num_bytes / 1e6 / result["seconds"], 2),
        "library_mb_per_s": round(library / 1e6, 2),
        "baseline_mb": round(baseline / 1e6, 1),
        "peak_mb": round((memory.peak_bytes - baseline) / 1e6, 1),
    }


def strategies(work: StrategyWork, counts: tuple[int, ...], report: Report, timeout: float, *, quality: bool) -> None:
    """Measure one process on one core, and each strategy with each number of processes over loopback."""
    cores = sorted(os.sched_getaffinity(0))
    link = measure_link(prefixes_of(2, cores))
    report.add("link", network="loopback", **link)
    one = report.add("strategy", **measure_strategy(work, None, prefixes_of(1, cores), cores=1, timeout=timeout))
    speeds: dict[int, float] = {}
    for count in counts:  # the cores of one machine share its memory, so all of them compute
        share = replace(work, batch_size=work.batch_size // count)
        report.say(f"a process with batches of {share.batch_size} on each core")
        strategy: Strategy | None = "population" if len(cores) > 1 else None
        all_cores = prefixes_of(len(cores), cores)
        measured = measure_strategy(share, strategy, all_cores, cores=len(cores), timeout=timeout)
        speeds[share.batch_size] = measured["words_per_s"] / len(cores)
    saving, pair = dict[int, float](), dict[str, Any]()
    for strategy in STRATEGIES:
        for count in (count for count in counts if count > 1):
            report.say(f"{strategy} with {count} processes")
            how: dict[str, Any] = {"cores": min(count, len(cores)), "timeout": timeout}
            how |= {"one_process": one["words_per_s"], "saving_seconds": saving.get(count, 0.0)}
            measured = report.add("strategy", **measure_strategy(work, strategy, prefixes_of(count, cores), **how))
            report.add("forecast", **forecast(work, measured, speeds, link))
            saving[count], pair = measured["saving_seconds"], measured if count == 2 else pair
    if quality and len(cores) > 1:
        factor = pair["words_per_s"] / one["words_per_s"]
        for strategy, steps, epochs in ((None, 100, 1.0), ("local-steps", 100, factor), ("local-steps", 50, factor)):
            report.say(f"the perplexity of {strategy or 'one process'} in the same time, {steps} steps a round")
            report.add(
                "quality", **train_to_the_end(replace(work, round_steps=steps), strategy, epochs, cores, timeout)
            )


if __name__ == "__main__":
    scale()
