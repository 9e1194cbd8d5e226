"""The example as a program, one epoch over a tiny text, with the metrics of the tutorial's windows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextword
from nextword.text.batching.window import SuccessiveWindows
from nextword.text.corpus import Corpus

EXAMPLE = Path(__file__).parents[2] / "examples" / "forty_epochs.py"


def forty_epochs(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    random = np.random.default_rng(0)
    for split, count in (("train", 100), ("valid", 100), ("test", 10)):
        sentences = (" ".join(random.choice(["a", "b", "c", "d"], 12)) for _ in range(count))
        (folder / f"ptb.{split}.txt").write_text("".join(f" {each} \n" for each in sentences), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("forty") / "run"
    done = forty_epochs(text, "--run", root, "--epochs", 1, "--compute-dtype", "float32")
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.nightly
def test_validation_in_windows_matches_the_tutorial(text: Path, run: Path) -> None:
    (told,) = lines(run / "in-windows.jsonl")
    corpus = Corpus.load(text)
    windows = SuccessiveWindows(corpus.valid.ids, batch_size=20, num_steps=30, skip_step=30)
    engine = nextword.load(run / "model", engine="keras", method="static").engine
    log_probs, hits = [], []
    for step in range(windows.steps_per_epoch):
        window = windows.window(step)
        scores, _ = engine.score_window(window.inputs, window.targets, engine.start(20))
        log_probs.append(scores.log_probs)
        hits.append(scores.ranks == 1)
    assert len(hits) == len(corpus.valid.ids) // 600
    assert told["round"] == 1
    assert told["perplexity"] == pytest.approx(np.exp(-np.mean(log_probs)), rel=1e-4)
    assert told["accuracy"] == pytest.approx(np.mean(hits), abs=1e-6)


@pytest.mark.nightly
def test_a_picture_is_drawn(run: Path) -> None:
    assert b"<svg" in (run / "forty-epochs.svg").read_bytes()


@pytest.mark.nightly
def test_a_finished_run_is_not_trained_again(text: Path, run: Path) -> None:
    former = (run / "log.jsonl").read_bytes()
    done = forty_epochs(text, "--run", run, "--epochs", 1, "--compute-dtype", "float32")
    assert done.returncode == 0, done.stderr
    assert (run / "log.jsonl").read_bytes() == former
    assert len(lines(run / "in-windows.jsonl")) == 1


def test_a_missing_text_is_an_error(tmp_path: Path) -> None:
    done = forty_epochs(tmp_path / "nothing", "--run", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith("forty_epochs: ")
    assert "nothing" in done.stderr
