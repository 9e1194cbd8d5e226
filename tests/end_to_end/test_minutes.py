"""A run with `--minutes` through the command line, and its bit-identical repetition."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CommandLine
from support.waiting import wait_until

TINY = ("--embedding-size", "8", "--hidden-sizes", "8", "--batch-size", "8", "--compute-dtype", "float32")


def plan_of(run: Path) -> dict[str, Any]:
    """Return the final plan that a run stored."""
    plan: dict[str, Any] = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))["plan"]
    return plan


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_plan_by_the_clock_is_stored_and_can_be_repeated_over_a_kill(command_line: CommandLine) -> None:
    first, again = command_line.folder / "by the clock", command_line.folder / "repeated"
    given = ("--preset", "quick", *TINY, "--minutes", "0.5")
    process = command_line.start("train", command_line.text, "--run", first, *given)
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert "\nplan  " in output
    plan = plan_of(first)
    assert 0.0 < plan["seconds"] < 30.0
    assert plan["planned_steps"][-1] > plan["round_steps"]
    assert len(plan["planned_steps"]) == command_line.rounds_of(first) + 1

    process = command_line.start("train", command_line.text, "--run", again, "--config", first / "config.toml")
    wait_until(lambda: command_line.rounds_of(again) > 0)
    process.kill()
    process.communicate()
    assert command_line.rounds_of(again) < len(plan["planned_steps"]) - 1, "the kill must come before the run ends"
    command_line.train(again)
    assert command_line.weights_of(again) == command_line.weights_of(first)
    assert plan_of(again) == plan
