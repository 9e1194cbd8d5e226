"""A run that is killed at any moment and resumed is bit-identical to an uninterrupted one."""

import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from nextword.training.report.history import read_points
from nextword.training.step.round_callbacks import interval_ends
from support.command_line import CommandLine, Reference
from support.trust_cases import TrustCases, trust_amount
from support.waiting import wait_until

NUM_KILLS = trust_amount(6, 50)
TIMEOUT = 240
ROUND_STEPS = 60


def killed_after(process: subprocess.Popen[str], seconds: float) -> bool:
    """Kill a process after some seconds; return False if it ended before."""
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    assert process.returncode == 0, errors
    return False


def steps_of_points(num_rounds: int) -> list[int]:
    """Return the steps of all points of a run, each once."""
    numbers = range(1, num_rounds + 1)
    return [ROUND_STEPS * (number - 1) + end for number in numbers for end in interval_ends(number, ROUND_STEPS)]


def wait_for_a_round(command_line: CommandLine, run: Path, before: int) -> None:
    """Wait until a run has finished more rounds than before."""
    wait_until(lambda: command_line.rounds_of(run) > before)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_that_is_killed_repeatedly_is_bit_identical(
    command_line: CommandLine, reference: Reference, trust_cases: TrustCases
) -> None:
    """Half of the kills come at a moment of a whole run, and half within a tenth of a second after a round.

    The first half may fall anywhere, the start of the process included. The second half falls into training on a
    machine of any speed, because it waits for the first round of a process. A kill that comes after the end of the run
    is no kill, and another takes its place.
    """
    chosen = random.Random(0)
    run, num_runs, num_in_training, num_killed, num_of_run = command_line.folder / "killed-0", 0, 0, 0, 0
    while num_killed < NUM_KILLS:
        before, process = command_line.rounds_of(run), command_line.start_training(run)
        if num_killed % 2:
            wait_for_a_round(command_line, run, before)
            moment = 0.1 * chosen.random()
        else:
            moment = reference.seconds * chosen.random()
        was_killed = killed_after(process, moment)
        num_killed, num_of_run = num_killed + was_killed, num_of_run + was_killed
        num_in_training += before < command_line.rounds_of(run) < reference.num_rounds
        if command_line.rounds_of(run) == reference.num_rounds or num_killed == NUM_KILLS:
            command_line.train(run)
            assert command_line.rounds_of(run) == reference.num_rounds
            assert command_line.weights_of(run) == reference.weights
            steps = [point.step for point in read_points(run / "points.jsonl")]
            assert steps == steps_of_points(reference.num_rounds)
            trust_cases.add(num_of_run, num_of_run)
            num_runs, num_of_run = num_runs + 1, 0
            run = command_line.folder / f"killed-{num_runs}"
    assert num_in_training >= 2, "the test shows nothing unless some kills fall between two rounds"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_cleanly_and_says_how_to_resume(
    command_line: CommandLine, reference: Reference, number: signal.Signals, exit_code: int, trust_cases: TrustCases
) -> None:
    run = command_line.folder / number.name
    process = command_line.start_training(run)
    wait_until(lambda: command_line.rounds_of(run) >= 2)
    began = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=TIMEOUT)
    trust_cases.add(max_seconds=round(time.monotonic() - began, 1))
    assert process.returncode == exit_code
    repeated = r"(the \d+ steps? since round \d+ will be repeated; )?"  # none between two rounds
    assert re.fullmatch(
        rf"interrupted by {number.name}; {repeated}resume with: nextword train --resume {re.escape(str(run))}\n", errors
    )
    assert 2 <= command_line.rounds_of(run) < reference.num_rounds
    assert not (run / "model").exists()
    command_line.train(run)
    assert command_line.weights_of(run) == reference.weights


@pytest.mark.slow
def test_a_closed_pipe_ends_a_run_cleanly_and_says_how_to_resume(
    command_line: CommandLine, reference: Reference
) -> None:
    run = command_line.folder / "read no further"
    process = command_line.start_training(run)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGPIPE
    assert errors == (
        f"training has stopped, since the program that reads its output has ended; "
        f"resume with: nextword train --resume '{run}'\n"
    )
    command_line.train(run)
    assert command_line.weights_of(run) == reference.weights


def test_ctrl_c_before_training_shows_no_traceback(command_line: CommandLine) -> None:
    process = command_line.start_training(command_line.folder / "early")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
