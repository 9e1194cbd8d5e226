"""Scoring in a separate process, as a shell sees it."""

import gzip
import json
import signal
from pathlib import Path

import pytest

from support.command_line import CommandLine

TIMEOUT = 120


def output_of(command_line: CommandLine, *arguments: str | Path) -> str:
    process = command_line.start(*arguments)
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    return output


@pytest.mark.slow
def test_one_log_probability(command_line: CommandLine, finished_run: Path) -> None:
    """Carried lines have the log-probability of `evaluate`, compressed or not, for any batches."""
    packed = command_line.folder / "story.txt.gz"
    packed.write_bytes(gzip.compress(command_line.text.read_bytes()))
    evaluated = json.loads(
        output_of(command_line, "evaluate", finished_run, command_line.text, "--split", "all", "--json")
    )["evaluations"][0]
    lines = output_of(command_line, "score", finished_run, packed, "--carry", "--no-spell", "--json").splitlines()
    scores = [json.loads(line) for line in lines]
    assert [score["text"] for score in scores] == command_line.text.read_text(encoding="utf-8").splitlines()
    assert sum(score["num_tokens"] for score in scores) == evaluated["num_tokens"]
    total = sum(score["log_prob"] for score in scores)
    assert total / evaluated["num_tokens"] == pytest.approx(evaluated["log_prob"] / evaluated["num_tokens"], abs=1e-5)


def test_a_closed_pipe_ends_it_quietly(command_line: CommandLine, finished_run: Path) -> None:
    many = command_line.folder / "many.txt"
    many.write_text(command_line.text.read_text(encoding="utf-8") * 30, encoding="utf-8")
    with command_line.start("score", finished_run, many, "--tokens") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("line\tposition")
        process.stdout.close()
        assert process.wait(TIMEOUT) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""
