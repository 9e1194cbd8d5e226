"""`nextword train` in several processes, each on a core of its own, or on a host of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from harness.process import PeerError
from harness.server import free_port
from nextword.training.cluster.group import ProcessGroup
from nextword.training.options import Strategy

_INTERVAL_S = 0.02


def on_core(core: int) -> list[str]:
    """Return the beginning of a command that runs on one core."""
    return ["taskset", "--cpu-list", str(core)]


class TrainingGroup:
    """The processes of one training run, which end with the block.

    Args:
        arguments: The arguments after `nextword train`.
        prefixes: For each process, the beginning of its command, which says where it runs.
        folder: Where the processes write what they print.
        strategy: How they train; `None` for a run of one process, or one that is resumed.
        host: The address of process 0.
        environment: Environment variables in addition to the inherited ones.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        prefixes: Sequence[Sequence[str]],
        folder: Path,
        *,
        strategy: Strategy | None = None,
        host: str = "127.0.0.1",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._arguments = [*map(str, arguments), *(["--strategy", strategy] if strategy else [])]
        self._prefixes = prefixes
        self._folder = folder
        self._address = f"{host}:{free_port()}" if len(prefixes) > 1 else None
        self._environment = dict(environment or {})
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            for number in range(len(self._prefixes)):
                self.processes.append(self.start(number))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """Start one process."""
        group = ProcessGroup(len(self._prefixes), number, self._address)
        variables = {} if self._address is None else group.to_environment()
        paths = {"PYTHONPATH": ":".join(filter(None, sys.path)), "NEXTWORD_CACHE": str(self._folder / "cache")}
        command = [*self._prefixes[number], sys.executable, "-m", "nextword", "train", *self._arguments]
        with self.output_of(number).open("ab") as output:
            return subprocess.Popen(
                command,
                env={**os.environ, "NPROC": "1", **paths, **variables, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def output_of(self, number: int) -> Path:
        """Return the file with what a process has printed."""
        return self._folder / f"output-{number}.txt"

    def last_line_of(self, number: int) -> str:
        """Return the last line that a process has printed; of an error, the line that says what is wrong."""
        text = self.output_of(number).read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.split("\n") if line.strip() and not line.startswith("hint: ")]
        return lines[-1] if lines else ""

    def wait(self, number: int, timeout: float) -> int:
        """Wait until a process ends, and return its exit code."""
        try:
            return self.processes[number].wait(timeout)
        except subprocess.TimeoutExpired:
            raise PeerError(f"process {number} did not end within {timeout:g} seconds") from None

    def finish(self, timeout: float) -> None:
        """Wait until all have succeeded."""
        for number in range(len(self.processes)):
            if code := self.wait(number, timeout):
                raise PeerError(f"process {number} ended with exit code {code}: {self.last_line_of(number)}")

    def wait_for_rounds(self, run: Path, count: int, timeout: float, *, logs: int = 1) -> list[list[dict[str, Any]]]:
        """Wait until `logs` logs in a run directory have `count` rounds each, and return these rounds.

        With some strategies each process writes a log of its own, in a folder of the run directory.
        """
        end = time.monotonic() + timeout
        while len(ready := [rounds for rounds in rounds_in(run) if len(rounds) >= count]) < logs:
            if time.monotonic() > end:
                raise PeerError(f"{len(ready)} of {logs} logs have {count} rounds after {timeout:g} seconds")
            if all(process.poll() is not None for process in self.processes):
                raise PeerError(f"ended before round {count}: {self.last_line_of(0)}")
            time.sleep(_INTERVAL_S)
        return [rounds[:count] for rounds in ready]


def rounds_in(run: Path) -> list[list[dict[str, Any]]]:
    """Return the rounds of each log in a run directory; none if it has not started."""
    logs = []
    for path in sorted(run.rglob("log.jsonl")):
        rounds: list[dict[str, Any]] = []
        with suppress(FileNotFoundError, ValueError):  # a line may be half written
            rounds.extend(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
        logs.append(rounds)
    return logs
