"""The tables of the two pages of results and the pictures of perplexity, from docs/results.jsonl and keystrokes.jsonl.

python benchmarks/results.py --add quality.json
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.chart import require_chart
from harness.charts import minutes_chart, programs_chart
from harness.ledger import KeystrokeResult, Result, read_ledger, results_of_contest, write_ledger
from harness.pages import renewed
from harness.report import read_report
from nextword.errors import NextwordError, SettingError
from nextword.system.files import write_file

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
        require_chart(docs / "images" / "ptb-minutes.svg")
        if added is not None:
            _add(added, docs / "results.jsonl")
        known = read_ledger(docs / "results.jsonl", Result)
        for page in (docs / name for name in _PAGES):
            _renew(page, known, check=check)
        if not check:
            for name, chart in (
                ("ptb-minutes", minutes_chart(known, "ptb")),
                ("ptb-30-minutes", programs_chart(known, "ptb", 30)),
            ):
                write_file(docs / "images" / f"{name}.svg", chart.encode())
    except (NextwordError, OSError) as error:
        click.echo(f"results: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 2))


def _renew(page: Path, known: Sequence[Result], *, check: bool) -> None:
    """Write the tables of a page again, or with `check` reject a page that is older than the ledger."""
    former, typed = page.read_text(encoding="utf-8"), page.with_name("keystrokes.jsonl")
    latter = renewed(former, known, read_ledger(typed, KeystrokeResult) if typed.exists() else [])
    if check and latter != former:
        raise SettingError(f"`{page}` must show what results.jsonl has, but is older; run benchmarks/results.py")
    if not check:
        write_file(page, latter.encode())


def _add(path: Path, ledger: Path) -> None:
    added, known = results_of_contest(read_report(path)), read_ledger(ledger, Result)
    write_ledger(ledger, [*known, *(result for result in added if result not in known)])


if __name__ == "__main__":
    results()
