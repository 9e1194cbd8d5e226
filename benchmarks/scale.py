"""Speed and memory of reading, by the size of the text.

python benchmarks/scale.py --json scale.json
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.memory import PeakMemory, resident
from harness.process import PROGRAMS, Process
from harness.report import Report, json_option, reporting
from harness.zipf_text import ZipfText
from nextword.system.capacity import count_cores


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
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Where texts are written."
)
@click.option("--timeout", type=click.FloatRange(0.1), default=7200.0, show_default=True, help="Seconds for one text.")
@json_option
def scale(
    sizes: tuple[int, ...],
    processes: int | None,
    words: int,
    folder: Path | None,
    timeout: float,
    json_path: Path | None,
    **options: Any,
) -> None:
    """Measure how fast texts become token ids, and how much memory that takes.

    The texts are made of words that are drawn by Zipf's law, so their entropy is known. They need the disk space of a
    text three times: for itself, for the ids of its shards and for its ids.
    """
    with reporting("scale", json_path) as report:
        text = ZipfText(vocabulary_size=words)
        report.say(f"entropy: {text.word_entropy:.4f} nats a word, {text.token_entropy:.4f} a token")
        for size in sizes:
            with TemporaryDirectory(dir=folder, prefix="scale-") as name:
                path = Path(name) / f"zipf-{size}.txt"
                text.write(path, size * 2**20)
                reading = read_text(path, options, processes or count_cores(), timeout, report)
                report.add("text", **reading, **options)


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


if __name__ == "__main__":
    scale()
