"""Speed and memory by the size of the text, and speed by the number of processes and the strategy.

python benchmarks/scale.py --json scale.json
python benchmarks/scale.py --only strategies --json strategies.json
"""

import json
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.scale.strategy_comparison import StrategyComparison
from harness.scale.text_reading import TextFigures, measure_text, write_text
from harness.scale.zipf_text import ZipfText
from harness.speed.provenance import Provenance
from nextword.disk.files import write_file
from nextword.errors import NextwordError, SettingError
from nextword.machine.capacity import count_cores


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
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Where texts are kept.")
@click.option("--timeout", type=click.FloatRange(0.1), default=7200.0, show_default=True, help="Seconds for one text.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures to a file."
)
def scale(
    sizes: tuple[int, ...],
    processes: int | None,
    only: str | None,
    quality: bool,
    json_path: Path | None,
    **options: Any,
) -> None:
    """Measure how fast texts become token ids and how much memory that takes, and how fast several processes train.

    The texts are made of words that are drawn by Zipf's law, so their entropy is known. They need the disk space of a
    text three times: for itself, for the ids of its shards and for its ids.

    For the strategies, train the preset `quick` on the sample text with one, two and four processes of this machine by
    each strategy, and compare the perplexity of local-steps with that of one process at the same time.
    """
    try:
        if json_path is not None and not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        provenance = Provenance.now()
        folder, table = options.pop("folder"), dict[str, Any]()
        if only != "strategies":
            with TemporaryDirectory(dir=folder, prefix="scale-") as name:
                table |= _text_table(_measured(Path(name), sizes, processes or count_cores(), **options))
        if only != "text":
            compared = StrategyComparison.measure(quality=quality, timeout=options["timeout"], say=_say)
            click.echo(compared.describe())
            table |= compared.to_table()
        if json_path is not None:
            command = shlex.join(["python", "benchmarks/scale.py", *sys.argv[1:]])
            table |= {"options": options, "provenance": provenance.to_table(), "command": command}
            write_file(json_path, json.dumps(table, indent=2, allow_nan=False).encode() + b"\n")
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
        _say(f"writing {size} MiB of text")
        write_text(path, text, size * 2**20)
        figures = measure_text(
            path,
            {"tokenizer": tokenizer, "maximum_vocabulary": maximum_vocabulary},
            processes=processes,
            timeout=timeout,
            say=_say,
        )
        found.append(figures)
        click.echo(
            f"{figures.num_bytes / 1e6:8,.0f}  {figures.mb_per_s:6.1f}  {figures.library_mb_per_s:22.1f}  "
            f"{figures.peak_mb:29.0f}"
        )
        path.unlink()
    return found


def _text_table(figures: list[TextFigures]) -> dict[str, Any]:
    largest = max(figures, key=lambda each: each.num_bytes)
    return {
        "text_mb_per_s": largest.mb_per_s,
        "text_rss_mb": largest.peak_mb,
        "texts": [each.to_table() for each in figures],
    }


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    scale()
