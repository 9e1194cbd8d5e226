import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.interpreters import interpreter_with
from harness.ledger import Result
from harness.process import PROGRAMS, PeerError

PATIENCE = 280

RESULT = Result(
    corpus="ptb",
    preset="auto",
    command="nextword train ptb --minutes 10 --run runs/ptb-10",
    commit="abc1234",
    seed=0,
    minutes=10.0,
    processor="a processor",
    method="static",
    valid_perplexity=90.0,
    test_perplexity=85.0,
    parameters=1_000_000,
    epochs=5.0,
)


@dataclass(frozen=True)
class Run:
    """What a benchmark came to."""

    code: int
    output: str
    errors: str

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Return the lines of JSON of a kind."""
        return [line for line in map(json.loads, self.output.splitlines()) if line["kind"] == kind]


RunBenchmark = Callable[..., Run]


@pytest.fixture
def benchmark() -> RunBenchmark:
    """Runs a benchmark by its name as a program."""

    def run(name: str, *arguments: str | Path) -> Run:
        command = [sys.executable, str(PROGRAMS.parent / f"{name}.py"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert "Traceback" not in done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def make() -> Callable[..., Result]:
    """Makes results of the ledger that differ from one another in the changes."""
    return lambda **changes: replace(RESULT, **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A text of 40 words in which each is followed by the next."""
    for split, lines in (("train", 60), ("valid", 8), ("test", 7)):
        text = "".join(" " + " ".join(f"w{(line + i) % 40}" for i in range(10)) + " \n" for line in range(lines))
        (tmp_path / f"ptb.{split}.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def torch() -> list[str]:
    """The command of a Python with PyTorch; without one the test is skipped."""
    try:
        return list(interpreter_with("torch"))
    except PeerError as error:
        pytest.skip(str(error))
