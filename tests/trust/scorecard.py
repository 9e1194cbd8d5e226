"""The rows of the scorecard: each runs its tests in a process of its own, and counts their cases."""

import json
import os
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from nextword.system.processor import read_processor
from support.trust_cases import FULL

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Row:
    """A row of `rows.toml`.

    Attributes:
        number: Its number.
        fault: What happens to nextword.
        promise: What holds nevertheless.
        floor: The least number of cases.
        figure: What is reported, with the names of numbers in braces: `{fired}`, `{survived}`, those that tests add.
        tests: Files of tests and node ids, from the root of the repository.
        alone: Whether one test runs at a time, because the row measures seconds or memory.
    """

    number: int
    fault: str
    promise: str
    floor: int
    figure: str
    tests: list[str]
    alone: bool = False


@dataclass
class Outcome:
    """What running a row gave.

    Attributes:
        row: The row.
        fired: Cases in which the fault took effect.
        survived: Those of them in which the promise held.
        figures: Other numbers that the tests reported.
        faults: Why the row falls short; empty if it does not.
        seconds: How long it took.
        output: What pytest printed.
    """

    row: Row
    fired: int = 0
    survived: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing falls short."""
        return not self.faults

    def figure(self) -> str:
        """Return the figure in words; `none` is in the place of a number that no test reported."""
        numbers = {"fired": self.fired, "survived": self.survived, **self.figures}
        shown = {name: f"{number:,.4g}" if number % 1 else f"{number:,.0f}" for name, number in numbers.items()}
        return self.row.figure.format_map(_OrNone(shown))

    def line(self) -> str:
        """Return the row in a line, and below it the faults and the end of what pytest printed."""
        said = [
            f"row {self.row.number}: {self.survived} of {self.fired} cases in {self.seconds:.0f} s: {self.figure()}"
        ]
        said += [f"  falls short: {fault}" for fault in self.faults]
        return "\n".join(said if self.ok else [*said, self.output[-4000:]])

    def add_case(self, name: str, case: ElementTree.Element) -> None:
        """Add a test of the report of pytest."""
        if failed := next((kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), None):
            self.faults.append(f"{name}: {failed}")
        reports = [json.loads(node.get("value", "")) for node in case.iterfind("properties/property[@name='trust']")]
        counted = sum(report["fired"] for report in reports)
        if reports and not counted:
            self.faults.append(f"{name}: no fault took effect")
        for report in reports or [{"fired": int(not failed), "survived": int(not failed)}]:
            self.fired += report.pop("fired")
            self.survived += report.pop("survived")
            for figure, number in report.items():
                merge = max if figure.startswith("max_") else min if figure.startswith("min_") else _sum
                self.figures[figure] = merge(self.figures[figure], number) if figure in self.figures else number


class _OrNone(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "none"


def _sum(first: float, second: float) -> float:
    return first + second


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a scorecard."""
    rows = [Row(**table) for table in tomllib.loads(path.read_text(encoding="utf-8"))["row"]]
    twice = [number for number, count in Counter(row.number for row in rows).items() if count > 1]
    if twice:
        raise ValueError(f"row {twice[0]} must be there once")
    return sorted(rows, key=lambda row: row.number)


def run_row(row: Row, *, soak: int = 900) -> Outcome:
    """Run the tests of a row in full and count their cases."""
    outcome, start = Outcome(row), time.monotonic()
    workers = 0 if row.alone else min(os.cpu_count() or 1, 4)
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}"]
        command += [f"--junit-xml={report}", "-ojunit_family=xunit1", "--timeout=1800", f"--numprocesses={workers}"]
        command += row.tests
        environment = {**os.environ, FULL: "1", "NEXTWORD_TRUST_SOAK": str(soak)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        outcome.output = done.stdout + done.stderr
        if done.returncode:
            outcome.faults.append(f"pytest ended with exit code {done.returncode}")
        for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():  # noqa: S314 - our own file
            outcome.add_case(f"{case.get('classname')}::{case.get('name')}", case)
    if outcome.survived < outcome.fired:
        outcome.faults.append(f"{outcome.fired - outcome.survived} cases were not survived")
    if outcome.fired < row.floor:
        outcome.faults.append(f"{outcome.fired} cases, but at least {row.floor} must be tried")
    outcome.seconds = time.monotonic() - start
    return outcome


def table_of(outcomes: list[Outcome]) -> Table:
    """Return the scorecard as a table for a terminal."""
    table = Table("#", "fault", "promise", "fired", "survived", "floor", "figure", "seconds", "ok")
    for outcome in outcomes:
        row = outcome.row
        counts = (outcome.fired, outcome.survived, row.floor)
        table.add_row(
            str(row.number), row.fault, row.promise, *(f"{count:,}" for count in counts), outcome.figure(),
            f"{outcome.seconds:.0f}", "yes" if outcome.ok else "NO",
        )  # fmt: skip
    return table


def write_json(path: Path, outcomes: list[Outcome]) -> None:
    """Write the results with the processor and the commit."""
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        result = {name: value for name, value in asdict(outcome).items() if name not in ("row", "output")}
        rows.append({**asdict(outcome.row), **result, "text": outcome.figure(), "ok": outcome.ok})
    head = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip()
    facts = {"commit": commit, "processor": read_processor().name, "cores": os.cpu_count(), "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
