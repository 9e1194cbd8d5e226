"""`benchmarks/quality.py` at sizes at which the programs learn next to nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.benchmark_runs import benchmark

TUTORIAL = {"embedding_size": 8, "hidden_sizes": [8, 8], "batch_size": 4, "num_steps": 5, "epochs": 2}
SMALL = [
    "--preset",
    "quick",
    "--embedding-size",
    "8",
    "--hidden-sizes",
    "8",
    "--batch-size",
    "4",
    "--num-steps",
    "5",
    "--epochs",
    "1",
]


def result_of(done: Any) -> dict[str, Any]:
    assert done.code == 0, done.errors
    (line,) = done.lines("result")
    assert all(1 <= value < 200 for found in line["perplexities"].values() for value in found.values())
    assert line["epochs"] == pytest.approx(line["tokens"] / 660)
    assert isinstance(line, dict)
    return line


@pytest.mark.slow
def test_the_tutorial_s_program_is_run_once_and_not_again(folder: Path) -> None:
    path = folder / "quality.json"
    options = ("--minutes", "10", "--peers", "tutorial", "--recipe", json.dumps(TUTORIAL), "--json", path)
    result = result_of(benchmark("quality", folder, *options))
    assert result["tokens"] == 2 * 33 * 20
    assert [each["tokens"] for each in result["rounds"]] == [660, 1320]
    assert result["perplexities"].keys() == {"windows of 5", "stream"}
    assert result["valid_perplexity"] == min(found["valid"] for found in result["perplexities"].values())
    written = path.read_text(encoding="utf-8")
    again = benchmark("quality", folder, *options)
    assert (again.code, again.output) == (0, "")
    assert "tutorial: done already" in again.errors
    assert path.read_text(encoding="utf-8") == written
    assert "must have a whole `width`" in benchmark("quality", folder, "--recipe", '{"start": "counts"}').errors
    assert "must have results on the terms" in benchmark("quality", folder, *options, "--seed", "1").errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("nextword", {"arguments": SMALL}),
        ("pytorch", {"width": 8, "batch_size": 4, "num_steps": 5, "start": "counts", "compute_dtype": "float32"}),
        ("transformer", {"width": 8, "num_layers": 1, "num_heads": 2, "context": 8, "batch_size": 4}),
        ("transformer", {"width": 8, "num_layers": 1, "num_heads": 2, "context": 8, "start": "counts"}),
        ("mingru", {"width": 8, "num_layers": 1, "context": 8, "compute_dtype": "float32"}),
        ("kneser_ney", {"order": 3}),
        ("word_language_model", {"embedding_size": 8, "hidden_size": 8, "epochs": 3, "batch_size": 4, "num_steps": 5}),
    ],
)
def test_a_program_runs(folder: Path, request: pytest.FixtureRequest, name: str, recipe: dict[str, Any]) -> None:
    if name not in ("nextword", "kneser_ney"):
        request.getfixturevalue("torch")
    options = ("--minutes", "0.1", "--peers", name, "--recipe", json.dumps(recipe))
    result = result_of(benchmark("quality", folder, *options))
    assert result["rounds"]
    assert result["tokens"] > 0
