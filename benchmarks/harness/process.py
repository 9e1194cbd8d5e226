"""A program in a separate process that answers in JSON, one line at a time, and always ends with its context."""

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self, cast

from nextword.errors import NextwordError

PROGRAMS = Path(__file__).resolve().parents[1] / "peers"
"""The folder of the programs that are measured."""


class PeerError(NextwordError):
    """A program cannot be measured; the message is the reason."""


class PeerUnableError(PeerError):
    """A program reports that it cannot run on this machine; the message is its reason."""


class Process:
    """A program that runs while the context is open.

    If this process dies, the program sees the end of its input and must end itself.

    Args:
        command: Interpreter, program and arguments.
        environment: Environment variables in addition to the inherited ones.

    Raises:
        PeerError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with self.ended_on_error(), _interrupt_deferred():
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def request(self, table: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Write an object to its input, and return its answer; see `answer`."""
        with suppress(BrokenPipeError):  # it has ended; the missing answer shows how
            self._stdin.write(json.dumps(table).encode() + b"\n")
            self._stdin.flush()
        return self.answer(timeout)

    def answer(self, timeout: float) -> dict[str, Any]:
        """Return the next object that it writes.

        Raises:
            PeerUnableError: It reports that it cannot run on this machine.
            PeerError: It ended, is silent for `timeout` seconds, or writes something else.
        """
        with self.ended_on_error():
            try:
                line = self._lines.get(timeout=timeout)
            except queue.Empty:
                raise PeerError(
                    f"gave no answer within {timeout:g} seconds, and was ended; if it is only slow, give a longer "
                    "`--timeout`"
                ) from None
            if line is None:
                raise PeerError(self._last_words())
            answer: dict[str, Any] = json.loads(line)
            if "unable" in answer:
                raise PeerUnableError(f"cannot run here: {answer['unable']}")
            return answer

    @contextmanager
    def ended_on_error(self) -> Iterator[None]:
        """End the process if it fails, so it does not slow down what is measured after it."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._resources.close()
            raise PeerError(f"answered in an unknown form ({error})") from error
        except BaseException:
            self._resources.close()
            raise

    def _start(self) -> None:
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # open for as long as the process runs
        self._errors = self._resources.enter_context(errors)
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **self._environment},
                start_new_session=True,  # Ctrl-C reaches only the harness, which ends its programs
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

    def _last_words(self) -> str:
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        ended = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return ": ".join(filter(None, (ended, last_line(self._errors))))

    def _kill(self) -> None:
        end_group(self._process)
        with suppress(BrokenPipeError):
            self._stdin.close()


def last_line(output: IO[bytes]) -> str:
    """Return the last line that a program wrote to a temporary file; empty if there is none."""
    output.seek(0)
    lines = [line.strip() for line in output.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that leads a session, and the processes that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Let Ctrl-C wait until the context is left: a process that is half started could not be ended.

    A mask would not do, since another thread of this process may receive the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[Any] = []
    former = signal.signal(signal.SIGINT, lambda *arguments: pressed.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
    if pressed and callable(former):
        former(*pressed[0])
