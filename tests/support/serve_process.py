"""`nextword serve` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.waiting import wait_until


class ServeProcess:
    """A process that serves a model on a free port of this machine.

    Args:
        arguments: The model and further flags.
        environment: Further environment variables.
        program: A Python program that serves, instead of the command.
    """

    def __init__(
        self, *arguments: str | Path, environment: Mapping[str, str] | None = None, program: str | None = None
    ) -> None:
        command = [sys.executable, "-m", "nextword", "serve", *map(str, arguments), "--port", "0"]
        if program is not None:
            command = [sys.executable, "-c", program]
        self.process: subprocess.Popen[str] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **(environment or {})},
        )
        self._lines: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def output(self) -> str:
        """All that the process printed."""
        return "".join(self._lines)

    @property
    def port(self) -> int:
        """Where it listens, once it has said so."""
        wait_until(lambda: self._port() is not None or self.process.poll() is not None)
        port = self._port()
        assert port is not None, self.output
        return port

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for the end of the process, and return its code."""
        code = self.process.wait(timeout=120)
        for reader in self._readers:
            reader.join()
        return code

    def stop(self) -> int:
        """End the process if it runs, and return its code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.exit_code()

    def _port(self) -> int | None:
        found = re.search(r" on http://[^ ]+:(\d+)/(?: and |$)", self.output, re.MULTILINE)
        return int(found[1]) if found else None

    def _read(self, stream: Any) -> None:
        with stream:
            self._lines.extend(stream)


@contextmanager
def serve_process(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, program: str | None = None
) -> Iterator[ServeProcess]:
    """Start `nextword serve`, and end it with the block."""
    started = ServeProcess(*arguments, environment=environment, program=program)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.exit_code()
