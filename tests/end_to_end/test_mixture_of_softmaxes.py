"""Train and use a mixture of softmaxes from the command line."""

import json
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


SIZES = ("--embedding-size", "8", "--hidden-sizes", "16", "--tied", "--mixture-size", "2", "--compute-dtype", "float32")
DROPOUT = ("--latent-dropout-rate", "0.1", "--locked-dropout")
STEPS = ("--batch-size", "8", "--num-steps", "10", "--epochs", "2", "--round-steps", "40")


@pytest.mark.slow
def test_it_is_trained_and_used(command_line: CommandLine) -> None:
    run = command_line.folder / "mixture"
    code, errors = command_line.run("train", command_line.text, "--run", run, *SIZES, *DROPOUT, *STEPS)
    assert code == 0, errors
    rounds = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rounds[-1]["valid_perplexity"] < rounds[0]["valid_perplexity"]

    bundle = read_bundle(run / "model")
    assert (bundle.architecture.mixture_size, bundle.architecture.latent_dropout_rate) == (2, 0.1)
    assert {name: array.shape for name, array in bundle.weights.items()} == bundle.architecture.weight_shapes()
    write_bundle(command_line.folder / "mixture again", bundle)

    engine = nextword.load(command_line.folder / "mixture again").engine
    ids = np.random.default_rng(0).integers(bundle.architecture.vocabulary_size, size=(2, 9), dtype=np.int32)
    scores = engine.score(ids, np.full(2, 9, np.int32))
    state, before = engine.start(2), np.full(2, engine.end_id, np.int32)
    for step in range(9):
        log_probs, state = engine.step(before, state)
        before = ids[:, step]
        np.testing.assert_allclose(scores.log_probs[:, step], log_probs[np.arange(2), before], atol=1e-5)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--sampled-softmax", "8"), "`sampled_softmax` needs a single softmax, but is 8 with `mixture_size` 2"),
        (("--adaptive-cutoffs", "10"), "`adaptive_cutoffs` need a plain output, but `mixture_size` is 2"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_the_first_write(
    command_line: CommandLine, option: tuple[str, str], said: str
) -> None:
    run = command_line.folder / "refused"
    code, errors = command_line.call("train", command_line.text, "--run", run, *SIZES, *STEPS, *option)
    assert (code, "Traceback" in errors) == (2, False)
    assert said in errors
    assert not (run / "config.toml").exists()
