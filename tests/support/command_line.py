"""The command line in processes of its own, for whole training runs."""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from nextword.cli.main import main
from support.processes import end

SETTINGS = (
    *("--embedding-size", "16", "--hidden-sizes", "16,16", "--compute-dtype", "float32"),
    *("--batch-size", "8", "--num-steps", "10", "--epochs", "15", "--round-steps", "60"),
)
TIMEOUT = 240


@dataclass(frozen=True)
class Reference:
    """The result of an uninterrupted run.

    Attributes:
        weights: SHA-256 of its bundle's weights.
        num_rounds: Lines of its log.
        seconds: How long a run takes, from the start of the process to its end.
    """

    weights: str
    num_rounds: int
    seconds: float


@dataclass(frozen=True)
class CommandLine:
    """Starts `nextword` in a folder of its own, with a cache of its own but for what JAX compiles."""

    folder: Path
    text: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command, which ends with the test at the latest."""
        process = subprocess.Popen(
            [sys.executable, "-m", "nextword", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "NEXTWORD_CACHE": str(self.folder / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """End the commands that still run."""
        while self.started:
            end(self.started.pop())

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """Run a command to its end; return its exit code and its standard error."""
        process = self.start(*arguments)
        _, errors = process.communicate(timeout=TIMEOUT)
        return process.returncode, errors

    def call(self, *arguments: str | Path) -> tuple[int, str]:
        """Run a command in this process, for its exit code and its standard error."""
        errors = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stderr(errors),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as stop:
                return int(stop.code or 0), errors.getvalue()
        return 0, errors.getvalue()

    def start_training(self, run: Path, *settings: str) -> subprocess.Popen[str]:
        """Begin a run, with these settings too, or resume it if it has begun."""
        if (run / "config.toml").exists():
            return self.start("train", "--resume", run)
        return self.start("train", self.text, "--run", run, *SETTINGS, *settings)

    def train(self, run: Path, *settings: str) -> None:
        """Train to the end."""
        process = self.start_training(run, *settings)
        _, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors

    def weights_of(self, run: Path) -> str:
        """Return the SHA-256 sum of the weights of a finished run."""
        return hashlib.sha256((run / "model" / "weights.safetensors").read_bytes()).hexdigest()

    def rounds_of(self, run: Path) -> int:
        """Return the number of rounds in the log of a run, each line of which must be whole and in its place."""
        log = run / "log.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        assert [json.loads(line)["round"] for line in lines] == list(range(1, len(lines) + 1))
        return len(lines)
