"""Processes that train by themselves and average: one may be lost and come back."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from nextword.training.cluster.group import ProcessGroup
from support.process_groups import TrainingProcesses
from support.processes import end
from support.waiting import wait_until

SETTINGS = (
    *("--preset", "quick", "--embedding-size", "16", "--hidden-sizes", "16", "--compute-dtype", "float32"),
    *("--batch-size", "4", "--num-steps", "10", "--learning-rate", "0.01", "--start", "random"),
    *("--round-steps", "20", "--strategy", "local-steps"),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class CommandLine(Protocol):
    folder: Path
    text: Path


def rounds_of(run: Path) -> list[float]:
    log = run / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [json.loads(line)["valid_perplexity"] for line in lines]


def test_all_processes_have_one_model_after_each_round(command_line: CommandLine) -> None:
    run = command_line.folder / "local"
    with TrainingProcesses(
        2, (command_line.text, *SETTINGS, "--epochs", "4", "--run", run), command_line.folder
    ) as pair:
        pair.finish()
    ours, theirs = rounds_of(run), rounds_of(run / "process-1")
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert min(ours) < ours[0]
    models = [each / "model" / "weights.safetensors" for each in (run, run / "process-1")]
    assert models[0].read_bytes() == models[1].read_bytes()


def test_a_lost_process_is_left_out_and_comes_back(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_EXCHANGE_SECONDS", "3")
    run = command_line.folder / "lossy-local"
    arguments = (command_line.text, *SETTINGS, "--epochs", "5000", "--run", run)
    with TrainingProcesses(2, arguments, command_line.folder) as pair:
        lost = run / "process-1"
        wait_until(lambda: len(rounds_of(lost)) > 2)
        pair.started[1].kill()
        done = len(rounds_of(run))
        wait_until(lambda: len(rounds_of(run)) > done + 5)  # the other continues
        before = len(rounds_of(lost))
        again = _resumed(run, pair, command_line)
        try:
            wait_until(lambda: len(rounds_of(lost)) > before + 2)
        finally:
            end(again)
        pair.started[0].terminate()
        _, errors = pair.started[0].communicate(timeout=240)
    assert pair.started[0].returncode == 143, errors


def _resumed(run: Path, pair: TrainingProcesses, command_line: CommandLine) -> subprocess.Popen[str]:
    environment = {
        **ProcessGroup(2, 1, pair.address).to_environment(),
        "NEXTWORD_CACHE": str(command_line.folder / "cache"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "nextword", "train", "--resume", str(run)],
        env={**os.environ, **environment},
        cwd=command_line.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
