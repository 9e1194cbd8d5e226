"""A server in a separate process on this machine, started, watched and always ended."""

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from harness.speed.peer import PeerError

READY = "/readyz"

_PAUSE = 0.005
_PATIENCE_AT_THE_END = 20.0


@dataclass(frozen=True)
class ServerPlan:
    """How a server is started.

    Attributes:
        name: Name in table and JSON.
        command: Returns the command for a port.
        model: Name of the model, which requests must give.
        environment: Environment variables beside the inherited ones.
        directory: Working directory.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    model: str
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


class Server:
    """The process of a server; entering the context waits until it is ready, leaving it ends the process.

    Args:
        plan: How it is started.
        timeout: Seconds within which it must be ready.

    Raises:
        PeerError: It cannot be started, ended by itself, or is not ready in time.

    Attributes:
        plan: How it was started.
        port: Its port.
        ready_seconds: Time from the start of the process until it said that it is ready.
    """

    def __init__(self, plan: ServerPlan, *, timeout: float) -> None:
        self.plan = plan
        self.port = free_port()
        self.ready_seconds = 0.0
        self._timeout = timeout

    def __enter__(self) -> Self:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # open for as long as the process runs
        start = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                self.plan.command(self.port),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                cwd=self.plan.directory,
                env={**os.environ, **self.plan.environment},
                start_new_session=True,  # Ctrl-C reaches only the harness, which ends its servers
            )
        except OSError as error:
            self._errors.close()
            raise PeerError(f"could not be started: {error.strerror or error}") from error
        try:
            self._wait_until_ready(start + self._timeout)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.ready_seconds = time.perf_counter() - start
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE_AT_THE_END)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors.close()

    @property
    def process_id(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def processor_seconds(self) -> float:
        """Return the processor time that its process has taken; 0 where the system does not tell."""
        stat = Path(f"/proc/{self.process_id}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))

    def peak_memory_bytes(self) -> int:
        """Return the peak memory of its process; 0 where the system does not tell."""
        status = Path(f"/proc/{self.process_id}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)

    def signal(self, number: int) -> None:
        """Send a signal to its process."""
        self._process.send_signal(number)

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of an answer.

        Raises:
            OSError: It cannot be reached.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def last_words(self) -> str:
        """Return the last line that it wrote."""
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it wrote nothing"

    def _wait_until_ready(self, deadline: float) -> None:
        while not self._is_ready():
            if not self.is_running:
                raise PeerError(f"ended with exit code {self._process.returncode}: {self.last_words()}")
            if time.perf_counter() > deadline:
                raise PeerError(f"was not ready within {self._timeout:g} seconds: {self.last_words()}")
            time.sleep(_PAUSE)

    def _is_ready(self) -> bool:
        try:
            return self.get(READY)[0] == 200
        except (OSError, http.client.HTTPException):
            return False


def free_port() -> int:
    """Return a port that no program listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
