"""Speed, memory and loss of training on a text larger than memory, at the start and later.

python benchmarks/large_training.py --text wikitext-2 --train-words 4000000
python benchmarks/large_training.py --size 5200 --words 1500000 --maximum-vocabulary 1000000 --softmax sampled
"""

import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.memory import Look, PeakMemory
from harness.process import PROGRAMS, Process
from harness.report import Report, json_option, reporting
from harness.zipf_text import ZipfText

_NUM_MARKS = 4
"""Tokens of a vocabulary that are no words: comma, full stop, `<eos>` and `<unk>`."""

# A small network: the text is what is measured.
_NETWORK = {"embedding_size": 64, "hidden_sizes": (64,), "num_steps": 35, "start": "random"}
_SOFTMAX: dict[str, dict[str, Any]] = {
    "full": {},
    "sampled": {"sampled_softmax": 8192},
}


@click.command()
@click.option("--text", help="Name of a sample or a path; NEXTWORD_DATA names the folder of samples.")
@click.option("--size", metavar="MIB", type=click.IntRange(1), default=64, help="Size of a generated text.")
@click.option("--words", type=click.IntRange(1), default=200_000, show_default=True, help="Different words of it.")
@click.option("--maximum-vocabulary", type=click.IntRange(3), default=10_000, show_default=True)
@click.option("--softmax", type=click.Choice(list(_SOFTMAX)), default="full", show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True)
@click.option("--round-steps", type=click.IntRange(1), default=200, show_default=True)
@click.option("--held-out", metavar="BYTES", type=click.IntRange(1000), default=2**19, show_default=True)
@click.option("--train-words", type=click.IntRange(1), default=1_000_000, show_default=True, help="Words to train on.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where the text and the cache are kept for the next time. Without it, they are deleted.",
)
@click.option("--timeout", type=click.FloatRange(0.1), default=7200.0, show_default=True, help="Seconds for each step.")
@json_option
def large_training(
    text: str | None,
    size: int,
    words: int,
    softmax: str,
    held_out: int,
    train_words: int,
    folder: Path | None,
    timeout: float,
    json_path: Path | None,
    **settings: Any,
) -> None:
    """Measure whether training on a large text keeps its speed and its memory.

    A generated text is made of words that are drawn by Zipf's law, so its entropy is known. Its validation and test
    split are drawn with other seeds.
    """
    settings |= _NETWORK | _SOFTMAX[softmax]
    with reporting("large_training", json_path) as report, TemporaryDirectory(dir=folder, prefix="scale-") as scratch:
        texts, generated = folder or Path(scratch), ZipfText(vocabulary_size=words)
        if text is None:
            settings |= {"tokenizer": "word", "line_ends": "line", "minimum_count": 1}
            read: str | Path = _splits(generated, texts, Path(scratch), size, held_out, report)
        else:
            read = text
        arguments = [str(read), str(texts / "cache"), f"{scratch}/run", str(train_words), json.dumps(settings)]
        result = measure(arguments, train_words, timeout, report)
        entropy = generated.token_entropy_of(result["vocabulary_size"] - _NUM_MARKS) if text is None else None
        report.add("training", text=Path(read).stem, softmax=softmax, **result, entropy=entropy)


def _splits(text: ZipfText, texts: Path, scratch: Path, size: int, held_out: int, report: Report) -> Path:
    """Return a folder with the three splits of a text, whose training split is kept in `texts`."""
    stored = texts / f"zipf-{text.vocabulary_size}-{size}.txt"
    if not stored.exists():
        report.say(f"writing {size:,} MiB of text")
        text.write(stored, size * 2**20)
    folder = scratch / stored.stem
    folder.mkdir()
    os.link(stored, folder / "train.txt")
    for seed, name in enumerate(("valid", "test"), start=text.seed + 1):
        ZipfText(text.vocabulary_size, text.exponent, seed).write(folder / f"{name}.txt", held_out)
    return folder


def measure(arguments: Sequence[str], num_words: int, timeout: float, report: Report) -> dict[str, Any]:
    """Read a text, make its windows once, and train on its first words, in a process of its own."""
    command = [sys.executable, str(PROGRAMS / "scale_training.py"), *arguments]
    with (
        Process(command, {}) as program,
        program.ended_on_error(),
        PeakMemory(program.request({}, timeout)["process"]) as memory,
    ):
        report.say("reading the text")
        read = program.request({}, timeout)
        peak = memory.peak_bytes
        report.say("making all windows")
        windows = program.request({}, timeout)["parts"]
        report.say(f"training on {num_words:,} words")
        trained = program.request({}, timeout)
    return {
        "num_tokens": read["num_tokens"],
        "vocabulary_size": read["vocabulary_size"],
        "reading_seconds": round(read["seconds"], 1),
        "reading_peak_mb": round(peak / 1e6, 1),
        "windows_early": steadiness(windows, memory.looks)[0],
        "windows_late": steadiness(windows, memory.looks)[1],
        "num_words": num_words,
        "training_early": steadiness(trained["parts"], memory.looks)[0],
        "training_late": steadiness(trained["parts"], memory.looks)[1],
        "valid_loss": round(math.log(trained["valid_perplexity"]), 4),
    }


def steadiness(parts: Sequence[dict[str, float]], looks: Sequence[Look]) -> list[dict[str, float]]:
    """Return medians of the second quarter and of the last quarter of the parts of a long task.

    They are words per second, words per second of the processor, summed over its cores, and resident memory in MB
    without the pages of the text that are mapped.
    """
    quarter, medians = max(1, len(parts) // 4), list[dict[str, float]]()
    for chosen in (parts[: 2 * quarter][-quarter:], parts[-quarter:]):
        first, last = chosen[0]["time"], chosen[-1]["time"]
        resident = [look.resident.own for look in looks if first <= look.time <= last]
        nearest = min(looks, key=lambda look: abs(look.time - last)).resident.own
        names = ("words_per_second", "words_per_cpu_second")
        speeds = {name: round(median(part[name] for part in chosen), 1) for name in names}
        medians.append({**speeds, "own_mb": round(median(resident or [nearest]) / 1e6, 1)})
    return medians


if __name__ == "__main__":
    large_training()
