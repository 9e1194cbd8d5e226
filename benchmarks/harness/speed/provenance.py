"""Where, when and of what code a figure was measured."""

import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import nextword
from nextword.machine.capacity import read_capacity
from nextword.machine.processor import read_processor

# Environment variables that change how fast the peers are.
_TELLING = (
    *("JAX_", "KMP_", "LD_PRELOAD", "MALLOC_", "MKL_", "NEXTWORD_KEEP_MEMORY", "NPROC", "OMP_", "OPENBLAS_", "XLA_"),
)

# If the load before the first peer is higher than this, the figures are unreliable.
_BUSY = 0.5


@dataclass(frozen=True)
class Provenance:
    """Where, when and of what code a figure was measured.

    Attributes:
        processor: The processor's name, the number of usable cores, and its features for matrix products.
        system: Operating system.
        commit: Commit of nextword's code, with `-dirty` if it was changed since; `None` outside its repository.
        date: Date and time in UTC.
        load: Processes that wanted a core, on average over the minute before; `None` if that is unknown.
        environment: Environment variables that affect speed.
    """

    processor: str
    system: str
    commit: str | None
    date: str
    load: float | None
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Self:
        """Return the provenance of the measurements that follow."""
        processor, capacity = read_processor(), read_capacity()
        features = [name for name, has in processor.features.items() if has]
        return cls(
            processor=", ".join([processor.name, f"{capacity.cores} cores", *features]),
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            commit=commit(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            load=capacity.load,
            environment={name: value for name, value in sorted(os.environ.items()) if name.startswith(_TELLING)},
        )

    @property
    def busy(self) -> bool:
        """Whether other work ran."""
        return self.load is not None and self.load > _BUSY

    def to_table(self) -> dict[str, Any]:
        """Return the provenance as a table for JSON."""
        return asdict(self)


def commit() -> str | None:
    """Return the commit of the repository that holds nextword's code."""
    here = Path(nextword.__file__)
    try:
        _git(here, "ls-files", "--error-unmatch", here.name)  # an environment may be inside another repository
        return _git(here, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(file: Path, *arguments: str) -> str:
    command = ["git", "-C", str(file.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
