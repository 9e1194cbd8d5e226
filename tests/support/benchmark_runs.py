"""Benchmarks as programs, and results of the ledger."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

from harness.ledger import Result
from harness.process import PROGRAMS

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


def benchmark(name: str, *arguments: object) -> Run:
    """Run a benchmark by its name as a program."""
    command = [sys.executable, str(PROGRAMS.parent / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "Traceback" not in done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


def make(**changes: Any) -> Result:
    """Return a result of the ledger with some changes."""
    return replace(RESULT, **changes)
