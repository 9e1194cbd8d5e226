"""Train and use a model with an adaptive softmax from the command line."""

import json
import tomllib
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

import nextword
from nextword.bundle.store import read_bundle, write_bundle


class CommandLine(Protocol):
    folder: Path
    text: Path

    def call(self, *arguments: str | Path) -> tuple[int, str]: ...

    def run(self, *arguments: str | Path) -> tuple[int, str]: ...


SIZES = ("--embedding-size", "16", "--hidden-sizes", "16", "--no-tied", "--compute-dtype", "float32")
STEPS = ("--batch-size", "8", "--num-steps", "10", "--epochs", "2", "--round-steps", "40")


@pytest.mark.slow
def test_it_is_trained_and_used(command_line: CommandLine) -> None:
    run = command_line.folder / "adaptive"
    cutoffs = ("--adaptive-cutoffs", "10,20", "--adaptive-factor", "2")
    code, errors = command_line.run("train", command_line.text, "--run", run, *SIZES, *STEPS, *cutoffs)
    assert code == 0, errors
    rounds = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rounds[-1]["valid_perplexity"] < rounds[0]["valid_perplexity"]
    model = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))["model"]
    assert (model["adaptive_cutoffs"], model["adaptive_factor"]) == ([10, 20], 2.0)

    bundle = read_bundle(run / "model")
    assert bundle.architecture.adaptive_cutoffs == (10, 20)
    assert {name: array.shape for name, array in bundle.weights.items()} == bundle.architecture.weight_shapes()
    write_bundle(command_line.folder / "again", bundle)

    engine = nextword.load(command_line.folder / "again").engine
    ids = np.random.default_rng(0).integers(bundle.architecture.vocabulary_size, size=(2, 9), dtype=np.int32)
    scores = engine.score(ids, np.full(2, 9, np.int32))
    state, before = engine.start(2), np.full(2, engine.end_id, np.int32)
    for step in range(9):
        log_probs, state = engine.step(before, state)
        before = ids[:, step]
        own = log_probs[np.arange(2), before]
        np.testing.assert_allclose(scores.log_probs[:, step], own, atol=1e-5)
        np.testing.assert_array_equal(scores.ranks[:, step], 1 + (log_probs > own[:, None]).sum(axis=-1))


def test_cutoffs_beyond_the_vocabulary_are_refused_before_the_first_write(command_line: CommandLine) -> None:
    run = command_line.folder / "refused"
    arguments = ("train", command_line.text, "--run", run, *SIZES, *STEPS, "--adaptive-cutoffs", "20,100")
    code, errors = command_line.call(*arguments)
    assert (code, "Traceback" in errors) == (2, False)
    assert "`adaptive_cutoffs` must be below the number of tokens in the vocabulary" in errors
    assert not (run / "config.toml").exists()
