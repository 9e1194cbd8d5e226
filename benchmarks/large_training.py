"""Speed, memory and loss of training on a text larger than memory, in the beginning and later.

python benchmarks/large_training.py --text wikitext-2 --train-words 4000000
python benchmarks/large_training.py --size 5200 --words 1500000 --maximum-vocabulary 1000000 --softmax adaptive
"""

import json
import os
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.scale.text_reading import write_text
from harness.scale.training_memory import TrainingFigures, measure_training
from harness.scale.zipf_text import ZipfText
from harness.speed.provenance import Provenance
from nextword.disk.files import write_file
from nextword.errors import NextwordError, SettingError

_NUM_MARKS = 4
"""Tokens of a vocabulary that are no words: comma, full stop, `<eos>` and `<unk>`."""

_HELD_OUT_BYTES = 2**19
_SOFTMAX: dict[str, dict[str, Any]] = {
    "full": {},
    "adaptive": {"tied": False, "adaptive_cutoffs": (10_000, 100_000)},
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
@click.option("--held-out", metavar="BYTES", type=click.IntRange(1000), default=_HELD_OUT_BYTES, show_default=True)
@click.option("--train-words", type=click.IntRange(1), default=1_000_000, show_default=True, help="Words to train on.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where the text and the cache are kept for the next time. Without it, they are deleted.",
)
@click.option("--timeout", type=click.FloatRange(0.1), default=7200.0, show_default=True, help="Seconds for each step.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures to a file."
)
def large_training(
    text: str | None, folder: Path | None, timeout: float, json_path: Path | None, **options: Any
) -> None:
    """Measure whether training on a large text keeps its speed and its memory.

    A generated text is made of words that are drawn by Zipf's law, so its entropy is known. Its validation and test
    split are drawn with other seeds.
    """
    try:
        if json_path is not None and not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        provenance = Provenance.now()
        with TemporaryDirectory(dir=folder, prefix="scale-") as scratch:
            figures = _measured(text, folder or Path(scratch), Path(scratch), timeout, options)
        click.echo(_described(figures))
        if json_path is not None:
            table = {
                **figures.to_table(),
                "options": options,
                "provenance": provenance.to_table(),
                "command": shlex.join(["python", "benchmarks/large_training.py", *sys.argv[1:]]),
            }
            write_file(json_path, json.dumps(table, indent=2, allow_nan=False).encode() + b"\n")
    except NextwordError as error:
        click.echo(f"large_training: {error}", err=True)
        sys.exit(error.exit_code)


def _measured(text: str | None, texts: Path, scratch: Path, timeout: float, options: dict[str, Any]) -> TrainingFigures:
    settings = {
        "maximum_vocabulary": options["maximum_vocabulary"],
        "batch_size": options["batch_size"],
        "round_steps": options["round_steps"],
        **_SOFTMAX[options["softmax"]],
    }

    def say(line: str) -> None:
        click.echo(line, err=True)

    if text is not None:
        return measure_training(
            text, texts / "cache", settings, num_words=options["train_words"], timeout=timeout, say=say
        )
    generated = ZipfText(vocabulary_size=options["words"])
    return measure_training(
        _splits(generated, texts, scratch, options["size"], options["held_out"]),
        texts / "cache",
        {**settings, "tokenizer": "word", "line_ends": "line", "minimum_count": 1},
        num_words=options["train_words"],
        timeout=timeout,
        entropy=lambda size: generated.token_entropy_of(size - _NUM_MARKS),
        say=say,
    )


def _splits(text: ZipfText, texts: Path, scratch: Path, size: int, held_out: int) -> Path:
    """Return a folder with the three splits of a text, whose training split is kept in `texts`."""
    kept = texts / f"zipf-{text.vocabulary_size}-{size}.txt"
    if not kept.exists():
        click.echo(f"writing {size:,} MiB of text", err=True)
        write_text(kept, text, size * 2**20)
    folder = scratch / kept.stem
    folder.mkdir()
    os.link(kept, folder / "train.txt")
    for seed, name in enumerate(("valid", "test"), start=text.seed + 1):
        write_text(folder / f"{name}.txt", ZipfText(text.vocabulary_size, text.exponent, seed), held_out)
    return folder


def _described(figures: TrainingFigures) -> str:
    lines = [
        f"{figures.text}: {figures.num_tokens:,} tokens to train on, vocabulary {figures.vocabulary_size:,}",
        f"reading: {figures.reading_seconds:,.0f} s, at most {figures.reading_peak_mb:,.0f} MB",
    ]
    for name, steady in (("windows", figures.windows), (f"{figures.num_words:,} words", figures.training)):
        pairs = zip(
            ("words/s", "words/s of one core", "MB"),
            (steady.words_per_s, steady.words_per_cpu_s, steady.own_mb),
            strict=True,
        )
        lines.append(
            f"{name}: " + "; ".join(f"{before:,.0f}, then {after:,.0f} {unit}" for unit, (before, after) in pairs)
        )
    known = f", entropy {figures.entropy:.3f}" if figures.entropy else ""
    return "\n".join([*lines, f"loss {figures.valid_loss:.3f} nats a token{known}"])


if __name__ == "__main__":
    large_training()
