"""Servers in separate processes on this machine, started, watched and always ended."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from harness.interpreters import interpreter_with
from harness.process import PROGRAMS, PeerError, end_group, last_line
from nextword.system.capacity import count_cores

_PAUSE = 0.005
_PATIENCE_AT_THE_END = 20.0

PATIENT = {"NEXTWORD_SERVE_QUEUE_LENGTH": "1024", "NEXTWORD_SERVE_QUEUE_SECONDS": "600"}
"""No request is rejected, so a slow server is seen as slow."""


@dataclass
class Server:
    """A server in a process of its own; entering the context waits until it is ready, leaving it ends the process.

    Raises:
        PeerError: It cannot be started, ended by itself, or is not ready in time.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    model: str
    timeout: float
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    ready_seconds: float = 0.0

    def __enter__(self) -> Self:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # open for as long as the process runs
        self.port, start = free_port(), time.perf_counter()
        try:
            self._process = subprocess.Popen(
                self.command(self.port),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                env={**os.environ, **self.environment},
                start_new_session=True,  # Ctrl-C reaches only the harness, which ends its servers
            )
        except OSError as error:
            self._output.close()
            raise PeerError(f"could not be started: {error.strerror or error}") from error
        try:
            self._wait_until_ready(start + self.timeout)
        except BaseException:
            self.__exit__()
            raise
        self.ready_seconds = time.perf_counter() - start
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE_AT_THE_END)
        end_group(self._process)
        self._output.close()

    def peak_memory_mb(self) -> float:
        """Return the peak memory of its process; 0 where the system does not report it."""
        status = Path(f"/proc/{self._process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM")), 0.0)

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of an answer.

        Raises:
            OSError: It cannot be reached.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _wait_until_ready(self, deadline: float) -> None:
        while not self._is_ready():
            if self._process.poll() is not None:
                raise PeerError(f"ended with exit code {self._process.returncode}: {last_line(self._output)}")
            if time.perf_counter() > deadline:
                raise PeerError(f"was not ready within {self.timeout:g} seconds: {last_line(self._output)}")
            time.sleep(_PAUSE)

    def _is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False


def nextword_server(name: str, bundle: Path, timeout: float, environment: Mapping[str, str] | None = None) -> Server:
    """Return `nextword serve` for a bundle."""

    def command(port: int) -> Sequence[str]:
        return (sys.executable, "-m", "nextword", "serve", str(bundle), "--port", str(port))

    return Server(name, command, bundle.name, timeout, environment or {})


def all_servers(folder: Path, model: Mapping[str, int], pytorch: str | None, timeout: float) -> list[Server]:
    """Return the servers that are compared, in the order of their turns."""
    ours = [
        nextword_server(f"nextword-{precision}{suffix}", folder / precision, timeout, {**PATIENT, **limits})
        for precision in ("float32", "int8")
        # One text at a time: no two share a step.
        for suffix, limits in (("", {}), ("-unbatched", {"NEXTWORD_SERVE_MAX_ACTIVE": "1"}))
    ]

    def in_pytorch(port: int, *, one_at_a_time: bool) -> Sequence[str]:
        threads = count_cores() if one_at_a_time else 1
        settings = {"folder": str(folder), "model": dict(model), "port": port, "threads": threads}
        table = json.dumps({**settings, "one_at_a_time": one_at_a_time})
        return (*interpreter_with("torch", pytorch), str(PROGRAMS / "serving_pytorch.py"), table)

    return [
        *ours,
        Server("pytorch-one-at-a-time", lambda port: in_pytorch(port, one_at_a_time=True), "float32", timeout),
        Server("pytorch-threads", lambda port: in_pytorch(port, one_at_a_time=False), "float32", timeout),
    ]


def free_port() -> int:
    """Return a port on which no program listens."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        port: int = listener.getsockname()[1]
        return port
