"""Cause the faults that nextword promises to survive, row by row, and print the scorecard.

    python -m trust                     # all rows, in 40 minutes on two cores
    python -m trust --rows 1,2,13       # some
    python -m trust --json FILE         # where the results go; build/trust.json without it
    python -m trust --soak 3600         # seconds of the endurance row; 900 without it

The exit code is 1 if a row falls short: a test failed or was skipped, a fault did not take effect, or there were fewer
cases than the floor of the row.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from trust.scorecard import ROOT, read_rows, run_row, table_of, write_json


def main(arguments: list[str] | None = None) -> int:
    """Run rows and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trust", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", help="numbers of rows, such as 1,2,13")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "trust.json", help="file for the results")
    parser.add_argument("--soak", type=int, default=900, help="seconds of the endurance row")
    parser.add_argument("--table", type=Path, default=Path(__file__).with_name("rows.toml"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    rows = read_rows(options.table)
    if options.rows:
        numbers = {int(number) for number in options.rows.replace(",", " ").split()}
        if unknown := numbers - {row.number for row in rows}:
            parser.error(f"there is no row {min(unknown)}")
        rows = [row for row in rows if row.number in numbers]
    console = Console()
    outcomes = []
    for row in rows:
        outcomes.append(run_row(row, soak=options.soak))
        console.print(outcomes[-1].line(), highlight=False, markup=False)
    console.print(table_of(outcomes))
    write_json(options.json, outcomes)
    return int(not all(outcome.ok for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
