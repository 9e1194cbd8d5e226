"""`benchmarks/ideas.py`: what each idea is worth."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.ideas import worths
from support.benchmark_runs import benchmark


def figure(idea: str, seed: int, test_perplexity: float) -> dict[str, Any]:
    return {"idea": idea, "seed": seed, "test_perplexity": test_perplexity, "seconds": 60.0}


def gains(*figures: dict[str, Any]) -> dict[str, list[float]]:
    return {row["idea"]: row["gains"] for row in worths(figures)}


def test_an_idea_is_worth_what_it_lowers_or_what_leaving_it_out_costs() -> None:
    references = (figure("reference", 0, 70.0), figure("reference", 1, 72.0))
    assert gains(*references, figure("cache", 0, 64.0), figure("cache", 1, 68.0)) == {"cache": [6.0, 4.0]}
    assert gains(*references, figure("weight-drop", 0, 73.0)) == {"weight-drop": [-3.0]}
    assert gains(*references, figure("tied", 0, 74.5)) == {"tied": [4.5]}
    assert gains(*references, figure("ensemble", 0, 68.0)) == {"ensemble": [3.0]}
    assert gains(references[0], figure("cache", 1, 65.0)) == {}


@pytest.mark.slow
def test_ideas_are_measured_once_and_kept(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "ideas.json"
    common = ("--corpus", folder, "--epochs", "0.1", "--runs", tmp_path / "runs", "--json", path)
    done = benchmark("ideas", "reference", "tied", "temperature", *common)
    assert done.code == 0, done.errors
    assert [line["idea"] for line in done.lines("result")] == ["reference", "tied", "temperature"]
    table = json.loads(path.read_text(encoding="utf-8"))
    assert [row["idea"] for row in table["worth"]] == ["tied", "temperature"]
    assert table["figures"][2]["tuned"]
    again = benchmark("ideas", "reference", "temperature", *common)
    assert again.lines("result") == []
    other = benchmark("ideas", "reference", *common, "--preset", "small")
    assert other.code == 2
    assert "must have results on the terms" in other.errors
    missing = benchmark("ideas", "cache", "--seed", "7", *common)
    assert missing.code == 2
    assert "measure `reference` with this seed first" in missing.errors
    assert json.loads(path.read_text(encoding="utf-8"))["figures"] == table["figures"]
