"""Two processes that train by themselves, and average or not: one is killed, and all resume to the same bits."""

import json
import time
from pathlib import Path

import pytest

from nextword.bundle.population import Ensemble
from support.command_line import CommandLine
from support.process_groups import TrainingProcesses
from support.waiting import wait_until

COMMON = (
    *("--preset", "quick", "--embedding-size", "16", "--hidden-sizes", "16", "--compute-dtype", "float32"),
    *("--batch-size", "4", "--num-steps", "10", "--learning-rate", "0.01", "--start", "random"),
    *("--round-steps", "20", "--epochs", "8"),
)
SETTINGS = (*COMMON, "--strategy", "local-steps")
POPULATION = (*COMMON, "--strategy", "population")

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
        code, errors = pair.wait(0)
    assert code == 2, errors
    assert "another one" in errors
    assert len(rounds_of(lossy)) < len(rounds_of(whole)), "the kill must come before the run ends"
    train(command_line, "--resume", lossy)
    assert rounds_of(lossy) == rounds_of(whole)
    assert min(rounds_of(whole)) < rounds_of(whole)[0]
    assert (lossy / "model/weights.safetensors").read_bytes() == (whole / "model/weights.safetensors").read_bytes()
    for part in (".", "process-1"):
        assert newest(lossy / part) == newest(whole / part)


def test_a_killed_member_of_a_population_resumes_to_the_same_bits(command_line: CommandLine, tmp_path: Path) -> None:
    whole, lossy = tmp_path / "whole", tmp_path / "lossy"
    train(command_line, command_line.text, *POPULATION, "--run", whole)
    with TrainingProcesses(2, (command_line.text, *POPULATION, "--run", lossy), command_line.folder) as pair:
        wait_until(lambda: len(rounds_of(lossy / "member-1")) > 2)
        time.sleep(0.1)  # somewhere in a round
        pair.started[1].kill()
        code, errors = pair.wait(0)
    assert code == 0, errors  # it does not need the other
    assert len(rounds_of(lossy / "member-1")) < len(rounds_of(whole / "member-1")), "the kill must come before the end"
    train(command_line, "--resume", lossy)
    for member in ("member-0", "member-1"):
        assert rounds_of(lossy / member) == rounds_of(whole / member)
        assert newest(lossy / member) == newest(whole / member)
    found, expected = Ensemble.read(lossy), Ensemble.read(whole)
    assert found is not None
    assert expected is not None
    assert found.perplexity == pytest.approx(expected.perplexity)
