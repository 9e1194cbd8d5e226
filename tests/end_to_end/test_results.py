"""`benchmarks/results.py` as a command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = ("results.md", "results-history.md")

RESULT = {
    "corpus": "ptb",
    "preset": "auto",
    "command": "nextword train ptb --minutes 10",
    "commit": "abc1234",
    "seed": 0,
    "minutes": 10.0,
    "processor": "a processor",
    "method": "static",
    "valid_perplexity": 90.0,
    "test_perplexity": 85.0,
    "parameters": 1000,
}
CONTEST = {
    "terms": {"corpus": "ptb", "minutes": 10.0, "seed": 0, "recipe": {}},
    "results": {
        "other": {
            "parameters": 7,
            "epochs": 1.25,
            "provenance": {"commit": None, "processor": "a processor"},
            "perplexities": {"windows": {"valid": 200.0, "test": 190.0}},
        }
    },
}


def results(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "results.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Two pages with a placeholder for one table each, and a ledger of one line."""
    (tmp_path / "images").mkdir()
    (tmp_path / "results.jsonl").write_text(json.dumps(RESULT) + "\n", encoding="utf-8")
    for name in PAGES:
        (tmp_path / name).write_text("<!-- results: corpus=ptb -->\n<!-- end of results -->\n", encoding="utf-8")
    return tmp_path


def test_the_pages_are_rendered_and_then_up_to_date(docs: Path) -> None:
    older = results("--docs", docs, "--check")
    assert older.returncode == 2
    assert "run benchmarks/results.py" in older.stderr
    assert results("--docs", docs).returncode == 0
    assert all("**85.00**" in (docs / name).read_text(encoding="utf-8") for name in PAGES)
    assert (docs / "images" / "ptb-minutes.svg").stat().st_size > 0
    assert results("--docs", docs, "--check").returncode == 0


def test_a_contest_is_added_once(docs: Path) -> None:
    contest = docs / "quality.json"
    contest.write_text(json.dumps(CONTEST), encoding="utf-8")
    for _ in range(2):
        assert results("--docs", docs, "--add", contest).returncode == 0
    assert (docs / "results.jsonl").read_text(encoding="utf-8").count("contest/other") == 1
    assert "| `contest/other` |" in (docs / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("content", "said"), [("{", "must be JSON"), ("{}", "must come from benchmarks/quality.py")])
def test_an_invalid_file_adds_nothing(docs: Path, content: str, said: str) -> None:
    ledger = (docs / "results.jsonl").read_bytes()
    (docs / "other.json").write_text(content, encoding="utf-8")
    refused = results("--docs", docs, "--add", docs / "other.json")
    assert refused.returncode == 2
    assert said in refused.stderr
    assert (docs / "results.jsonl").read_bytes() == ledger


def test_check_and_add_exclude_each_other(docs: Path) -> None:
    ledger = (docs / "results.jsonl").read_bytes()
    (docs / "quality.json").write_text(json.dumps(CONTEST), encoding="utf-8")
    refused = results("--docs", docs, "--check", "--add", docs / "quality.json")
    assert refused.returncode == 2
    assert "must be used alone" in refused.stderr
    assert (docs / "results.jsonl").read_bytes() == ledger


def test_a_missing_file_is_named(docs: Path) -> None:
    refused = results("--docs", docs, "--add", docs / "nothing.json")
    assert refused.returncode == 2
    assert "nothing.json" in refused.stderr
