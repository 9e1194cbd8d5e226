"""`benchmarks/ideas.py`: what each idea is worth."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.ideas import IDEAS, Variants
from support.benchmark_runs import benchmark


def figure(idea: str, seed: int, test_perplexity: float) -> dict[str, Any]:
    return {"idea": idea, "seed": seed, "test_perplexity": test_perplexity, "seconds": 60.0}


def gains(*figures: dict[str, Any]) -> dict[str, list[float]]:
    return {row["idea"]: row["gains"] for row in Variants.read(IDEAS).worths(figures)}


def test_an_idea_is_worth_what_it_lowers_or_what_leaving_it_out_costs() -> None:
    references = (figure("reference", 0, 70.0), figure("reference", 1, 72.0))
    assert gains(*references, figure("cache", 0, 64.0), figure("cache", 1, 68.0)) == {"cache": [6.0, 4.0]}
    assert gains(*references, figure("weight-drop", 0, 73.0)) == {"weight-drop": [-3.0]}
    assert gains(*references, figure("tied", 0, 74.5)) == {"tied": [4.5]}
    assert gains(*references, figure("ensemble", 0, 68.0)) == {"ensemble": [3.0]}
    assert gains(references[0], figure("cache", 1, 65.0)) == {}


def test_a_worth_has_the_spread_of_its_seeds_and_how_probable_it_is_by_chance() -> None:
    references = tuple(figure("reference", seed, 70.0) for seed in range(3))
    gained = (figure("cache", seed, 70.0 - gain) for seed, gain in enumerate((2.0, 3.0, 4.0)))
    (row,) = Variants.read(IDEAS).worths([*references, *gained])
    assert (row["gain"], row["spread"]) == (3.0, 1.0)
    assert row["p"] == pytest.approx(0.035, abs=0.001)  # t = 3 * sqrt(3), 2 degrees of freedom


VARIANTS = """
[settings]
hidden_sizes = [12]
embedding_size = 12

[[ideas]]
name = "wide"
title = "a wider network"
settings = { hidden_sizes = [24], embedding_size = 24 }

[[ideas]]
name = "temperature"
title = "temperature"
methods = ["temperature"]
"""


@pytest.mark.slow
def test_variants_are_measured_once_and_kept(folder: Path, tmp_path: Path) -> None:
    variants, path = tmp_path / "variants.toml", tmp_path / "ideas.json"
    variants.write_text(VARIANTS, encoding="utf-8")
    terms = ("--corpus", folder, "--part", "0.5", "--epochs", "0.1", "--variants", variants)
    common = (*terms, "--runs", tmp_path / "runs", "--json", path)
    done = benchmark("ideas", *common)
    assert done.code == 0, done.errors
    reference, wide, temperature = done.lines("result")
    assert [figure["idea"] for figure in (reference, wide, temperature)] == ["reference", "wide", "temperature"]
    assert wide["parameters"] > reference["parameters"]
    assert temperature["tuned"]
    whole, part = (place.read_bytes() for place in (folder / "ptb.train.txt", tmp_path / "runs/text/train.txt"))
    assert whole.startswith(part)
    assert len(whole) / 2 < len(part) < 0.6 * len(whole)
    table = json.loads(path.read_text(encoding="utf-8"))
    assert [row["idea"] for row in table["worth"]] == ["wide", "temperature"]
    again = benchmark("ideas", "reference", "temperature", *common)
    assert again.lines("result") == []
    other = benchmark("ideas", "reference", *common, "--preset", "small")
    assert other.code == 2
    assert "must have results on the terms" in other.errors
    missing = benchmark("ideas", "temperature", "--seed", "7", *common)
    assert missing.code == 2
    assert "measure `reference` with this seed first" in missing.errors
    assert json.loads(path.read_text(encoding="utf-8"))["figures"] == table["figures"]
