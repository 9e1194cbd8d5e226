"""Training commands in several processes over loopback."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from nextword.training.cluster.group import ProcessGroup
from support.ports import free_port
from support.processes import end


@dataclass
class TrainingProcesses:
    """The processes of `nextword train`, which end with the block.

    Attributes:
        num_processes: Number of processes.
        arguments: The arguments after `train`.
        folder: Working directory and cache.
        started: The processes.
        address: Where process 0 listens.
    """

    num_processes: int
    arguments: Sequence[str | Path]
    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    address: str = ""

    def __enter__(self) -> Self:
        self.address = f"127.0.0.1:{free_port()}"
        for number in range(self.num_processes):
            group = ProcessGroup(self.num_processes, number, self.address)
            environment = {"NPROC": "1", "NEXTWORD_CACHE": str(self.folder / "cache"), **group.to_environment()}
            self.started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "nextword", "train", *map(str, self.arguments)],
                    cwd=self.folder,
                    env={**os.environ, **environment},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for process in self.started:
            end(process)

    def wait(self, number: int, seconds: float = 500) -> tuple[int, str]:
        """Return the exit code and the standard error of one process."""
        _, errors = self.started[number].communicate(timeout=seconds)
        return self.started[number].returncode, errors

    def finish(self) -> None:
        """Wait until all have succeeded."""
        for number in range(self.num_processes):
            code, errors = self.wait(number)
            assert code == 0, errors
