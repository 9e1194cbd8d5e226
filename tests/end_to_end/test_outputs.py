"""Models with other outputs than a full softmax, from the command line to the scores of a saved copy."""

import json
import tomllib
from pathlib import Path

import pytest

import nextword
from nextword.bundle.store import read_bundle, write_bundle
from support.command_line import CommandLine

SIZES = ("--embedding-size", "16", "--hidden-sizes", "16", "--compute-dtype", "float32")
STEPS = ("--batch-size", "8", "--num-steps", "10", "--epochs", "2", "--round-steps", "40")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("options", "stored"),
    [
        (
            ("--no-tied", "--adaptive-cutoffs", "10,20", "--adaptive-factor", "2"),
            {"adaptive_cutoffs": [10, 20], "adaptive_factor": 2.0},
        ),
        (
            ("--tied", "--mixture-size", "2", "--latent-dropout-rate", "0.1", "--locked-dropout"),
            {"mixture_size": 2, "latent_dropout_rate": 0.1, "locked_dropout": True},
        ),
    ],
    ids=["adaptive", "mixture"],
)
def test_it_is_trained_and_used(
    command_line: CommandLine, tmp_path: Path, options: tuple[str, ...], stored: dict[str, object]
) -> None:
    run = tmp_path / "run"
    code, errors = command_line.run("train", command_line.text, "--run", run, *SIZES, *STEPS, *options)
    assert code == 0, errors
    rounds = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rounds[-1]["valid_perplexity"] < rounds[0]["valid_perplexity"]
    model = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))["model"]
    assert {name: model[name] for name in stored} == stored

    bundle = read_bundle(run / "model")
    assert bundle.architecture.to_table().items() >= stored.items()
    write_bundle(tmp_path / "again", bundle)
    line = command_line.text.read_text(encoding="utf-8").splitlines()[0]
    scores = [nextword.load(path).score(line).log_prob for path in (run, tmp_path / "again")]
    assert scores[0] == pytest.approx(scores[1])
    assert scores[0] < 0
