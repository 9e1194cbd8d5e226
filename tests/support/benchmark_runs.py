"""Benchmarks as programs."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from harness.process import PROGRAMS

PATIENCE = 280


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
