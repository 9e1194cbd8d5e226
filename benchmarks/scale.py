"""Speed and memory by the size of the text.

python benchmarks/scale.py --json scale.json
"""

import json
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.scale.text_reading import TextFigures, measure_text, write_text
from harness.scale.zipf_text import ZipfText
from harness.speed.provenance import Provenance
from nextword.errors import NextwordError, SettingError
from nextword.machine.capacity import count_cores
from nextword.storage.single_file import write_file


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
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Where texts are kept.")
@click.option("--timeout", type=click.FloatRange(0.1), default=7200.0, show_default=True, help="Seconds for one text.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures to a file."
)
def scale(sizes: tuple[int, ...], processes: int | None, json_path: Path | None, **options: Any) -> None:
    """Measure how fast texts of different sizes become token ids, and how much memory that takes.

    The texts are made of words that are drawn by Zipf's law, so their entropy is known. They need the disk space of a
    text three times: for itself, for the ids of its shards and for its ids.
    """
    try:
        if json_path is not None and not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        provenance = Provenance.now()
        with TemporaryDirectory(dir=options.pop("folder"), prefix="scale-") as folder:
            figures = _measured(Path(folder), sizes, processes or count_cores(), **options)
        if json_path is not None:
            write_file(json_path, _table(figures, provenance, options).encode() + b"\n")
    except NextwordError as error:
        click.echo(f"scale: {error}", err=True)
        sys.exit(error.exit_code)


def _measured(
    folder: Path,
    sizes: tuple[int, ...],
    processes: int,
    *,
    words: int,
    tokenizer: str,
    maximum_vocabulary: int,
    timeout: float,
) -> list[TextFigures]:
    found: list[TextFigures] = []
    text = ZipfText(vocabulary_size=words)
    click.echo(f"entropy: {text.word_entropy:.4f} nats a word, {text.token_entropy:.4f} a token")
    click.echo("      MB    MB/s  tokenizers alone, MB/s  memory above the baseline, MB")
    for size in sizes:
        path = folder / f"zipf-{size}.txt"
        click.echo(f"writing {size} MiB of text", err=True)
        write_text(path, text, size * 2**20)
        figures = measure_text(
            path,
            {"tokenizer": tokenizer, "maximum_vocabulary": maximum_vocabulary},
            processes=processes,
            timeout=timeout,
            say=lambda line: click.echo(line, err=True),
        )
        found.append(figures)
        click.echo(
            f"{figures.num_bytes / 1e6:8,.0f}  {figures.mb_per_s:6.1f}  {figures.library_mb_per_s:22.1f}  "
            f"{figures.peak_mb:29.0f}"
        )
        path.unlink()
    return found


def _table(figures: list[TextFigures], provenance: Provenance, options: dict[str, Any]) -> str:
    largest = max(figures, key=lambda each: each.num_bytes)
    table = {
        "text_mb_per_s": largest.mb_per_s,
        "text_rss_mb": largest.peak_mb,
        "texts": [each.to_table() for each in figures],
        "options": options,
        "provenance": provenance.to_table(),
        "command": shlex.join(["python", "benchmarks/scale.py", *sys.argv[1:]]),
    }
    return json.dumps(table, indent=2, allow_nan=False)


if __name__ == "__main__":
    scale()
