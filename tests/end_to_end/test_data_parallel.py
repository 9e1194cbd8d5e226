"""Several processes train what one process trains, and a lost one loses at most a round."""

import json
import os
import random
import re
import secrets
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from support.command_line import CommandLine
from support.process_groups import TrainingProcesses
from support.waiting import wait_until

NUM_KILLS = 2
SEED = int(os.environ.get("NEXTWORD_KILL_SEED") or secrets.randbelow(2**32))
"""Of the moments of the kills; printed, so a failure can be repeated."""

TINY = (
    *("--preset", "quick", "--embedding-size", "16", "--hidden-sizes", "16", "--compute-dtype", "float32"),
    *("--batch-size", "8", "--num-steps", "10", "--learning-rate", "0.01"),
)
"""With the dropout of `quick`, whose masks must be those of one process."""

FIFTY_STEPS = (*TINY, "--epochs", "0.8", "--round-steps", "5")
"""Ten rounds; each logs the loss of its steps."""

LONG = (*TINY, "--epochs", "8", "--round-steps", "10", "--strategy", "data-parallel")
"""More rounds than all kills can take."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def losses_of(run: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 10
    names = ("train_perplexity", "valid_perplexity")
    return np.log([[json.loads(line)[name] for name in names] for line in lines[:10]])


def num_rounds(run: Path) -> int:
    log = run / "log.jsonl"
    return log.read_text(encoding="utf-8").count("\n") if log.exists() else 0


def train(command_line: CommandLine, num_processes: int, *arguments: str | Path) -> None:
    with TrainingProcesses(num_processes, arguments, command_line.folder) as processes:
        processes.finish()


@pytest.fixture(scope="module")
def one_process(command_line: CommandLine) -> Path:
    run = command_line.folder / "one"
    code, errors = command_line.run("train", command_line.text, *FIFTY_STEPS, "--run", run)
    assert code == 0, errors
    return run


def test_losses_of_fifty_steps_are_those_of_one_process(command_line: CommandLine, one_process: Path) -> None:
    run = command_line.folder / "of-4"
    train(command_line, 4, command_line.text, *FIFTY_STEPS, "--strategy", "data-parallel", "--run", run)
    assert np.abs(losses_of(run) - losses_of(one_process)).max() < 1e-5
    ours, theirs = (safetensors.numpy.load_file(each / "model/weights.safetensors") for each in (run, one_process))
    assert all(np.abs(ours[name] - theirs[name]).max() < 1e-4 for name in theirs)


@pytest.mark.parametrize(
    "settings",
    [
        (
            *("--sampled-softmax", "10", "--loss", "sum_over_time", "--clip-norm", "0.5"),
            *("--locked-dropout", "--weight-drop-rate", "0.2"),
        ),
        (
            *("--temporal-activation-regularization", "1", "--activation-regularization", "1"),
            *("--shuffle", "partial", "--variable-num-steps", "--averaging", "exponential"),
        ),
    ],
    ids=["sampled", "regularized"],
)
def test_every_loss_is_that_of_the_whole_batch(
    command_line: CommandLine, settings: tuple[str, ...], tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    code, errors = command_line.run("train", command_line.text, *FIFTY_STEPS, *settings, "--run", one)
    assert code == 0, errors
    train(command_line, 2, command_line.text, *FIFTY_STEPS, *settings, "--strategy", "data-parallel", "--run", two)
    assert np.abs(losses_of(two) - losses_of(one)).max() < 1e-5


@pytest.fixture(scope="module")
def whole(command_line: CommandLine) -> Path:
    """An uninterrupted run of two processes."""
    run = command_line.folder / "whole"
    train(command_line, 2, command_line.text, *LONG, "--run", run)
    return run


def test_killed_processes_stop_the_other_and_all_resume_to_the_same_bits(
    command_line: CommandLine, whole: Path
) -> None:
    """Each kill comes up to two rounds and a tenth of a second after the first round of a start."""
    print(f"NEXTWORD_KILL_SEED={SEED}")
    chosen, run = random.Random(SEED), command_line.folder / "lossy"
    arguments: tuple[str | Path, ...] = (command_line.text, *LONG, "--run", run)
    for _ in range(NUM_KILLS):
        until, victim = num_rounds(run) + 1 + chosen.randrange(2), chosen.randrange(2)
        with TrainingProcesses(2, arguments, command_line.folder) as processes:
            wait_until(lambda until=until: num_rounds(run) >= until)  # type: ignore[misc]
            time.sleep(0.1 * chosen.random())
            processes.started[victim].kill()
            code, errors = processes.wait(1 - victim)
        assert code == 2, errors
        # Gloo or the coordination service may notice first.
        assert re.search("error: all processes must (continue to the end|answer), but another one", errors)
        arguments = ("--resume", run)
    assert num_rounds(run) < num_rounds(whole), "the kills must come before the run ends"
    train(command_line, 2, "--resume", run)
    assert (run / "model/weights.safetensors").read_bytes() == (whole / "model/weights.safetensors").read_bytes()
    newest = max((run / "checkpoints").iterdir()).name
    arrays = [each / "checkpoints" / newest / "arrays.safetensors" for each in (run, whole)]
    assert arrays[0].read_bytes() == arrays[1].read_bytes()


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_no_longer_answers_stops_the_other_with_a_plain_error(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: int
) -> None:
    monkeypatch.setenv("NEXTWORD_HEARTBEAT_SECONDS", "15")
    run = tmp_path / "run"
    arguments = (command_line.text, *LONG, "--epochs", "500", "--run", run)
    with TrainingProcesses(2, arguments, command_line.folder) as processes:
        wait_until(lambda: num_rounds(run) > 1)
        processes.started[victim].send_signal(signal.SIGSTOP)
        code, errors = processes.wait(1 - victim)
    assert code == 2
    assert "\nerror: all processes must answer, but another one no longer does\nhint: " in f"\n{errors}"
    assert "stack trace" not in errors
    assert ".cc:" not in errors
