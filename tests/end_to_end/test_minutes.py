"""A training of given minutes through the command line, and its repetition to the bit from what it wrote down."""

import subprocess
import tomllib
from pathlib import Path
from typing import Protocol

TINY = ("--embedding-size", "8", "--hidden-sizes", "8", "--batch-size", "8", "--compute-dtype", "float32")


class CommandLine(Protocol):
    folder: Path
    text: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def weights_of(self, run: Path) -> str: ...

    def rounds_of(self, run: Path) -> int: ...


def test_what_the_clock_decided_is_written_down_and_can_be_repeated(command_line: CommandLine) -> None:
    first, again = command_line.folder / "by the clock", command_line.folder / "repeated"
    given = ("--preset", "quick", *TINY, "--minutes", "1")
    process = command_line.start("train", command_line.text, "--run", first, *given)
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert "words/s here" in output
    training = tomllib.loads((first / "config.toml").read_text(encoding="utf-8"))["training"]
    assert training["planned_steps"][-1] > training["round_steps"]
    assert len(training["planned_steps"]) == command_line.rounds_of(first) + 1

    process = command_line.start("train", command_line.text, "--run", again, "--config", first / "config.toml")
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert command_line.weights_of(again) == command_line.weights_of(first)
