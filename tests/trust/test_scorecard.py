"""The scorecard itself: what falls short is seen."""

import json
from pathlib import Path
from typing import Any

import pytest

from trust.__main__ import main
from trust.scorecard import ROOT, read_rows

ROWS = read_rows(Path(__file__).with_name("rows.toml"))

TESTS = """
import pytest
from support.trust_cases import trust_amount, trust_cases

def test_plain(): pass

def test_counted(trust_cases):
    assert trust_amount(2, 40) == 40
    trust_cases.add(3, 3, max_seconds=1, lost=2)
    trust_cases.add(2, 2, max_seconds=4, lost=1)

def test_not_fired(trust_cases): trust_cases.add(0, 0)

def test_not_survived(trust_cases): trust_cases.add(2, 1)

def test_skipped(): pytest.skip("no such file system here")

def test_failed(): assert False
"""


def run(folder: Path, tests: list[str], floor: int) -> tuple[int, dict[str, Any]]:
    """Run a scorecard of one row; return the exit code and the row in the file of results."""
    file, table, results = folder / "test_faults.py", folder / "rows.toml", folder / "results" / "trust.json"
    file.write_text(TESTS, encoding="utf-8")
    named = [f"{file.as_posix()}::{name}" for name in tests]
    table.write_text(
        f'[[row]]\nnumber = 3\nfault = "f"\npromise = "p"\nfloor = {floor}\nalone = true\n'
        f'figure = "{{lost}} lost in {{max_seconds}} s, {{mb}} MB"\ntests = {json.dumps(named)}\n',
        encoding="utf-8",
    )
    code = main(["--table", str(table), "--json", str(results)])
    return code, json.loads(results.read_text(encoding="utf-8"))["rows"][0]


def test_cases_and_figures_of_the_tests_are_added(tmp_path: Path) -> None:
    code, row = run(tmp_path, ["test_plain", "test_counted"], floor=6)
    assert (code, row["ok"], row["faults"], row["fired"], row["survived"]) == (0, True, [], 6, 6)
    assert row["text"] == "3 lost in 4 s, none MB"


def test_whatever_falls_short_is_named(tmp_path: Path) -> None:
    code, row = run(tmp_path, ["test_plain", "test_not_fired", "test_not_survived", "test_skipped", "test_failed"], 4)
    assert code == 1
    assert (row["fired"], row["survived"]) == (3, 2)
    assert sorted(fault.rpartition("::")[2] for fault in row["faults"]) == [
        "1 cases were not survived",
        "3 cases, but at least 4 must be tried",
        "pytest ended with exit code 1",
        "test_failed: failure",
        "test_not_fired: error",
        "test_not_fired: no fault took effect",
        "test_skipped: skipped",
    ]


def test_a_test_that_is_not_there_falls_short(tmp_path: Path) -> None:
    assert run(tmp_path, ["test_absent"], 0)[0] == 1


def test_all_rows_are_there_and_name_files_that_exist() -> None:
    assert [row.number for row in ROWS] == [*range(1, 31)]
    named = {test.partition("::") for row in ROWS for test in row.tests}
    assert all(not name or f"def {name}(" in (ROOT / file).read_text(encoding="utf-8") for file, _, name in named)


def test_a_row_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--rows", "99"])
