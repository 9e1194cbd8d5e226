"""The tables of the two pages of results and the pictures of perplexity, from docs/results.jsonl and keystrokes.jsonl.

python benchmarks/results.py --add quality.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.ledger.bars import draw_bars
from harness.ledger.keystrokes import KeystrokeResult, renewed_keystrokes
from harness.ledger.lines import read_ledger
from harness.ledger.page import renewed
from harness.ledger.picture import draw_minutes
from harness.ledger.result import Result, read_results, results_of_contest, write_results
from harness.speed.plots import require_plots
from nextword.disk.files import write_file
from nextword.errors import NextwordError, SettingError

_DOCS = Path(__file__).resolve().parent.parent / "docs"
_PAGES = ("results.md", "results-history.md")


@click.command()
@click.option(
    "--add", "added", type=click.Path(path_type=Path, dir_okay=False), help="What benchmarks/quality.py wrote."
)
@click.option("--check", is_flag=True, help="Change nothing; report whether the pages are up to date.")
@click.option("--docs", type=click.Path(path_type=Path, file_okay=False), default=_DOCS, help="Folder of the pages.")
def results(added: Path | None, check: bool, docs: Path) -> None:
    """Write the tables of the pages of results and the pictures of perplexity again from the ledger."""
    try:
        if check and added is not None:
            raise SettingError("`--check` must be used alone, because it changes nothing, but `--add` is given too")
        picture = docs / "images" / "ptb-minutes.svg"
        require_plots(picture)
        if added is not None:
            _add(added, docs / "results.jsonl")
        known = read_results(docs / "results.jsonl")
        for page in (docs / name for name in _PAGES):
            _renew(page, known, check=check)
        if not check:
            draw_minutes(known, "ptb", picture)
            draw_bars(known, "ptb", 30, docs / "images" / "ptb-30-minutes.svg")
    except (NextwordError, OSError) as error:
        click.echo(f"results: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 2))


def _renew(page: Path, known: Sequence[Result], *, check: bool) -> None:
    """Write the tables of a page again, or with `check` refuse a page that is older than the ledger."""
    former = page.read_text(encoding="utf-8")
    typed = page.with_name("keystrokes.jsonl")
    latter = renewed(former, known)
    latter = renewed_keystrokes(latter, read_ledger(typed, KeystrokeResult) if typed.exists() else [])
    if check and latter != former:
        raise SettingError(f"`{page}` must show what results.jsonl has, but is older; run benchmarks/results.py")
    if not check:
        write_file(page, latter.encode())


def _add(path: Path, ledger: Path) -> None:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingError(f"`{path}` must be JSON, but is not ({error})") from error
    known = read_results(ledger)
    write_results(ledger, [*known, *(each for each in results_of_contest(table) if each not in known)])


if __name__ == "__main__":
    results()
