"""Processes that tests start, and that end with them."""

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any


def end(process: subprocess.Popen[Any]) -> None:
    """Kill a process unless it has ended, and close its pipes."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):  # what was not sent yet
                stream.close()


@contextlib.contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a process with the block, even if the block fails."""
    try:
        yield
    finally:
        end(process)
