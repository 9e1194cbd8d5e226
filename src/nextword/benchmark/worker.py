"""A peer's process: started, asked, and ended whatever happens."""

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self, cast

from nextword.benchmark.peer import Description, Peer, PeerError


@dataclass(frozen=True)
class Answer:
    """What a peer answers to a request.

    Attributes:
        seconds: Wall seconds of each repetition, by what was repeated: `step`, or a product's precision and shape.
        peak_memory_bytes: The most memory that the process has held so far.
    """

    seconds: dict[str, list[float]]
    peak_memory_bytes: int


class Worker:
    """The process of a peer; entering the context waits until it has warmed up, leaving it ends the process.

    The process sees the end of its input when this one dies, by whatever means, and ends itself.

    Args:
        peer: Whom to start.
        timeout: Seconds within which each answer must come.

    Raises:
        PeerError: It cannot be started, ended, is silent, or speaks another protocol.
    """

    def __init__(self, peer: Peer, *, timeout: float) -> None:
        self.peer = peer
        self._timeout = timeout
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with self._ended_on_error():
            self._start()
            self.description = Description.from_table(self._answer()["ready"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def run(self, steps: int) -> Answer:
        """Let the peer run some steps, and return how long each took.

        Raises:
            PeerError: It ended, is silent, or speaks another protocol.
        """
        with self._ended_on_error():
            with suppress(BrokenPipeError):  # it has ended, and the missing answer says how
                self._stdin.write(json.dumps({"steps": steps}).encode() + b"\n")
                self._stdin.flush()
            return Answer(**self._answer())

    @contextmanager
    def _ended_on_error(self) -> Iterator[None]:
        """End the process where it fails, so that it is no burden to those measured after it."""
        try:
            yield
        except (KeyError, TypeError) as error:
            self._resources.close()
            raise PeerError(f"answered in a form that is not understood ({error})") from error
        except BaseException:
            self._resources.close()
            raise

    def _start(self) -> None:
        settings = json.dumps(self.peer.workload.to_table())
        command = [*self.peer.interpreter(), str(self.peer.program), settings]
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # open for as long as the process runs
        self._errors = self._resources.enter_context(errors)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **self.peer.environment},
                start_new_session=True,  # Ctrl-C is for the harness, which ends its workers itself
            )
        except OSError as error:
            raise PeerError(f"could not be started: {error.strerror or error}") from error
        self._stdin = cast("IO[bytes]", self._process.stdin)
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        self._resources.callback(reader.join, timeout=10)
        self._resources.callback(self._kill)

    def _read(self) -> None:
        with cast("IO[bytes]", self._process.stdout) as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self._timeout)
        except queue.Empty:
            raise PeerError(
                f"gave no answer within {self._timeout:g} seconds, and was ended; if it is only slow, give a longer "
                "`--timeout`"
            ) from None
        if line is None:
            raise PeerError(self._last_words())
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise PeerError(f"answered {line[:60]!r}, which is not JSON") from error
        if not isinstance(answer, dict):
            raise PeerError(f"answered {line[:60]!r}, which is not a JSON object")
        return answer

    def _last_words(self) -> str:
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        self._errors.seek(0)
        told = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        ended = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{ended}: {told[-1][:300]}" if told else ended

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with suppress(BrokenPipeError):
            self._stdin.close()
