"""Runs the examples of a page as a reader does: Python in one process, commands in a shell, both in one folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SESSION = Path(__file__).with_name("session.py")
COLUMNS = 100
SECONDS = 600
_LEFT_OUT = {"FORCE_COLOR", "CLICOLOR_FORCE", "KERAS_BACKEND", "PYTEST_CURRENT_TEST"}


@dataclass(frozen=True)
class Outcome:
    """What an example did.

    Attributes:
        output: What it wrote, standard output and error as a terminal shows them.
        failed: Whether it raised an error, or ended with an exit code other than 0.
    """

    output: str
    failed: bool


class Runner:
    """Runs examples one after another; use it in a `with`.

    Args:
        folder: The working directory.
        seconds: How long an example may take.
    """

    def __init__(self, folder: Path, seconds: float = SECONDS) -> None:
        self._folder, self._seconds = folder, seconds
        self._session: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session:
            self._session.communicate()

    def python(self, code: str, page: Path, line: int) -> Outcome:
        """Run a block of Python after those before it; `line` is where it begins in the page."""
        if self._session is None:
            self._session = subprocess.Popen(
                [sys.executable, str(SESSION)],
                cwd=self._folder,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        session = self._session
        assert session.stdin is not None  # noqa: S101
        assert session.stdout is not None  # noqa: S101
        with _killed_after(session, self._seconds):
            session.stdin.write(json.dumps({"code": code, "page": str(page), "line": line}) + "\n")
            session.stdin.flush()
            answer = session.stdout.readline()
        if not answer:
            return Outcome(f"the process ended, or took longer than {self._seconds:g} s", failed=True)
        return Outcome(**json.loads(answer))

    def shell(self, command: str) -> Outcome:
        """Run a command line by `bash`."""
        process = subprocess.Popen(
            ["bash", "-c", command],  # noqa: S607
            cwd=self._folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        with _killed_after(process, self._seconds):
            output, _ = process.communicate()
        return Outcome(output, process.returncode != 0)


def environment() -> dict[str, str]:
    """Return the environment of examples: this Python's programs first, no colors, a known width."""
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    plain = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": str(COLUMNS), "MPLBACKEND": "agg"}
    return {**kept, **plain, "PATH": path, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


@contextlib.contextmanager
def _killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, os.killpg, [process.pid, signal.SIGKILL])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
