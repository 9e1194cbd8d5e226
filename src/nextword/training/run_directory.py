"""The directory of a training run: its files and its lock."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nextword.bundle.store import CONFIG_FILE, MODEL_FOLDER
from nextword.errors import CheckpointError
from nextword.storage import durable
from nextword.storage.single_file import write_file

if TYPE_CHECKING:
    from nextword.training.config import RunConfig

_LOCK = ".lock"
_LOCK_OWNER = ".lock-owner"


@dataclass(frozen=True)
class RunDirectory:
    """The directory of one run.

        RUN/config.toml    every setting, resolved
        RUN/checkpoints/   what resuming needs: the newest two, and the best
        RUN/log.jsonl      one object a round; log.csv holds the same
        RUN/curves.png     perplexity and accuracy by round; curves.svg holds the same
        RUN/metrics.json   the figures of the finished run
        RUN/model/         the bundle, written at the end

    Attributes:
        root: Its path.
    """

    root: Path

    @property
    def config_file(self) -> Path:
        """Every setting, resolved."""
        return self.root / CONFIG_FILE

    @property
    def checkpoints(self) -> Path:
        """What resuming needs."""
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        """The bundle."""
        return self.root / MODEL_FOLDER

    @property
    def metrics_file(self) -> Path:
        """The figures of the finished run."""
        return self.root / "metrics.json"

    @property
    def is_run(self) -> bool:
        """Whether a run began here."""
        return self.config_file.is_file()

    def read_config(self) -> "RunConfig":
        """Return the settings that the run began with.

        Raises:
            CheckpointError: No run began here.
            SettingError: The settings are damaged.
        """
        if not self.is_run:
            raise CheckpointError(
                f"`{self.root}` must be the directory of a training run, but has no {self.config_file.name}; "
                "begin one with `nextword train TEXT --run DIR`"
            )
        from nextword.training.config import RunConfig  # which a bundle alone does not need

        return RunConfig.read(self.config_file)

    def require_free(self) -> None:
        """Raise if a run began here already.

        Raises:
            CheckpointError: One did.
        """
        if self.is_run:
            raise CheckpointError(
                f"`{self.root}` must not hold a training run yet, but does; "
                f"resume it by `nextword train --resume {self.root}`, or name another directory"
            )


@contextmanager
def run_lock(root: Path) -> Iterator[None]:
    """Hold the lock on the directory of a run, which one process has at a time and loses when it ends, however.

    Raises:
        CheckpointError: Another process holds the lock, which the message names.
        StorageError: It cannot be taken.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> with run_lock(root), run_lock(root):  # doctest: +ELLIPSIS
        ...     pass
        Traceback (most recent call last):
        nextword.errors.CheckpointError: `...` is in use by process ...; wait until it ends, or choose another directory
    """
    from filelock import FileLock, Timeout  # here, for who only reads a run's model would wait 15 ms for it

    lock = FileLock(root / _LOCK, timeout=0, thread_local=False)
    with durable.disk_errors(root, "locked"):
        durable.make_directory(root)
        try:
            lock.acquire()
        except Timeout as error:
            raise CheckpointError(
                f"`{root}` is in use by {_owner(root)}; wait until it ends, or choose another directory"
            ) from error
    try:
        write_file(root / _LOCK_OWNER, f"{os.getpid()}\n".encode())
        yield
    finally:
        lock.release()


def is_in_use(root: Path) -> bool:
    """Return whether a process works in the directory of a run. The lock is taken for a moment to find out."""
    if not (root / _LOCK).is_file():
        return False
    try:
        from filelock import FileLock, Timeout
    except ImportError:  # without it, nothing trains here
        return False
    lock = FileLock(root / _LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:  # somebody else's directory
        return False
    lock.release()
    return False


def _owner(root: Path) -> str:
    try:
        return f"process {int((root / _LOCK_OWNER).read_bytes()[:20])}"
    except (OSError, ValueError):
        return "another process"
