"""The perplexity that nextword and its peers reach in the same minutes, one after the other.

python benchmarks/quality.py PTB_FOLDER --minutes 30 --json quality.json
"""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.quality.catalogue import catalogue, chosen
from harness.quality.contest import Contest
from harness.quality.record import Record
from harness.quality.render import render_record
from harness.speed.peer import PeerError
from nextword.errors import NextwordError, SettingError
from nextword.text.corpus import Corpus

_COLUMNS_OF_A_FILE = 160
_MOST_MINUTES = 525_600


@click.command()
@click.argument("text")
@click.option(
    "--minutes", type=click.FloatRange(0.01, 525_600), default=30.0, show_default=True, help="How long each trains."
)
@click.option("--peers", metavar="NAMES", help=f"With commas between them; else all: {', '.join(catalogue())}.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all.")
@click.option("--pytorch", metavar="PYTHON", help="A Python with PyTorch; else NEXTWORD_PYTORCH, or one on the path.")
@click.option("--recipe", metavar="JSON", default="{}", help="Settings of the peers that differ from their own.")
@click.option("--fresh", is_flag=True, help="Run again what the file holds a result of.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the results; what it holds already is not run again.",
)
def quality(
    text: str,
    minutes: float,
    peers: str | None,
    seed: int,
    pytorch: str | None,
    recipe: str,
    fresh: bool,
    json_path: Path | None,
) -> None:
    """Train nextword and its peers on TEXT for the same time each, and compare their perplexities.

    TEXT is a folder with train, valid and test files, or anything else that `nextword train` reads.
    """
    try:
        chosen_peers = chosen(catalogue(pytorch=pytorch), peers)
        if json_path is not None and not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        contest = Contest(Corpus.load(text), text, minutes, seed, _read_recipe(recipe))
        again = frozenset(peer.name for peer in chosen_peers) if fresh else frozenset()
        record = Record.open(json_path, contest.terms, without=again)
        record.made_by = {"command": shlex.join(["python", "benchmarks/quality.py", *sys.argv[1:]])}
        contest.hold(chosen_peers, record, lambda line: click.echo(line, err=True))
        _print(record)
        if not record.results:
            raise PeerError("nothing could be measured; the reasons are above")
    except NextwordError as error:
        click.echo(f"quality: {error}", err=True)
        sys.exit(error.exit_code)


def _read_recipe(text: str) -> dict[str, Any]:
    try:
        recipe = json.loads(text)
    except ValueError as error:
        raise SettingError(f"`--recipe` must be JSON, but is {text!r} ({error})") from error
    if not isinstance(recipe, dict):
        raise SettingError(f'`--recipe` must be an object such as {{"width": 384}}, but is {text!r}')
    return recipe


def _print(record: Record) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _COLUMNS_OF_A_FILE
    console.print(render_record(record))


if __name__ == "__main__":
    quality()
