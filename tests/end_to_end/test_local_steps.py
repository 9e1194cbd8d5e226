"""Two processes that train by themselves and average: one is killed, and all resume to the same bits."""

import json
import time
from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.process_groups import TrainingProcesses
from support.waiting import wait_until

SETTINGS = (
    *("--preset", "quick", "--embedding-size", "16", "--hidden-sizes", "16", "--compute-dtype", "float32"),
    *("--batch-size", "4", "--num-steps", "10", "--learning-rate", "0.01", "--start", "random"),
    *("--round-steps", "20", "--strategy", "local-steps", "--epochs", "8"),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def rounds_of(run: Path) -> list[float]:
    log = run / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [json.loads(line)["valid_perplexity"] for line in lines]


def newest(run: Path) -> bytes:
    return (max((run / "checkpoints").iterdir()) / "arrays.safetensors").read_bytes()


def train(command_line: CommandLine, *arguments: str | Path) -> None:
    with TrainingProcesses(2, arguments, command_line.folder) as pair:
        pair.finish()


def test_a_killed_process_stops_the_other_and_both_resume_to_the_same_bits(
    command_line: CommandLine, tmp_path: Path
) -> None:
    whole, lossy = tmp_path / "whole", tmp_path / "lossy"
    train(command_line, command_line.text, *SETTINGS, "--run", whole)
    with TrainingProcesses(2, (command_line.text, *SETTINGS, "--run", lossy), command_line.folder) as pair:
        wait_until(lambda: len(rounds_of(lossy)) > 2)
        time.sleep(0.1)  # somewhere in a round
        pair.started[1].kill()
        code, errors = pair.wait(0, seconds=60)
    assert code == 2, errors
    assert "another one" in errors
    assert len(rounds_of(lossy)) < len(rounds_of(whole)), "the kill must come before the run ends"
    train(command_line, "--resume", lossy)
    assert rounds_of(lossy) == rounds_of(whole)
    assert min(rounds_of(whole)) < rounds_of(whole)[0]
    assert (lossy / "model/weights.safetensors").read_bytes() == (whole / "model/weights.safetensors").read_bytes()
    for part in (".", "process-1"):
        assert newest(lossy / part) == newest(whole / part)
