import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.ledger.result import Result, read_results, results_of_contest, write_results
from nextword.errors import SettingError

Make = Callable[..., Result]

CONTEST: dict[str, Any] = {
    "terms": {"corpus": "ptb", "minutes": 30.0, "seed": 3, "recipe": {"width": 8}},
    "results": {
        "tutorial": {
            "parameters": 7,
            "epochs": 1.234,
            "provenance": {"commit": "0123456789ab", "processor": "a processor"},
            "perplexities": {"windows": {"valid": 200.123, "test": 190.0}, "stream": {"valid": 210.0, "test": 201.0}},
        }
    },
}


def test_results_are_read_as_they_were_written(make: Make, tmp_path: Path) -> None:
    results = [make(), make(seed=1, valid_perplexity=None), make(epochs=None)]
    write_results(tmp_path / "results.jsonl", results)
    assert read_results(tmp_path / "results.jsonl") == results


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": "0"}, "`seed` of a result must be"),
        ({"seed": 0.5}, "`seed` of a result must be"),
        ({"minutes": True}, "`minutes` of a result must be"),
        ({"minutes": None}, "`minutes` of a result must be"),
        ({"test_perplexity": float("nan")}, "`test_perplexity` of a result must be"),
        ({"extra": 1}, "must have the keys"),
    ],
)
def test_a_line_of_another_kind_is_named(make: Make, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = tmp_path / "results.jsonl"
    good = dataclasses.asdict(make())
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | changes) + "\n", encoding="utf-8")
    with pytest.raises(SettingError, match=f"line 2 of .*{said}"):
        read_results(path)


def test_a_line_without_a_key_is_refused(make: Make) -> None:
    table = dataclasses.asdict(make())
    del table["commit"]
    with pytest.raises(SettingError, match="must have the keys"):
        Result.of(table)


def test_a_duplicate_result_is_refused(make: Make, tmp_path: Path) -> None:
    write_results(tmp_path / "results.jsonl", [make(), make(seed=1), make()])
    with pytest.raises(SettingError, match=r"line 3 .* repeats line 1"):
        read_results(tmp_path / "results.jsonl")


@pytest.mark.parametrize("content", [b"not JSON\n", b"[]\n", b"\xff\n"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"results\.jsonl"):
        read_results(path)


def test_a_contest_gives_a_result_for_each_program_and_method() -> None:
    windows, stream = results_of_contest(CONTEST)
    assert (windows.preset, windows.method, windows.valid_perplexity) == ("contest/tutorial", "windows", 200.12)
    assert (stream.method, stream.test_perplexity, stream.seed) == ("stream", 201.0, 3)
    assert windows.commit == "0123456"
    command = """python benchmarks/quality.py ptb --minutes 30 --peers tutorial --recipe '{"width": 8}' --seed 3"""
    assert windows.command == stream.command == command


@pytest.mark.parametrize("table", [{}, [], {**CONTEST, "results": {"a": {}}}, {**CONTEST, "results": []}])
def test_what_is_no_contest_is_refused(table: Any) -> None:
    with pytest.raises(SettingError, match="must come from"):
        results_of_contest(table)
