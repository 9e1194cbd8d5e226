"""What lies where in the directory of a training run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

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


class RunLock:
    """A lock on the directory of a run, held by one process at a time and let go when that process ends, however.

    Raises:
        CheckpointError: On entering: another process holds the lock, which the message names, or it cannot be taken.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> with RunLock(root), RunLock(root):  # doctest: +ELLIPSIS
        ...     pass
        Traceback (most recent call last):
        nextword.errors.CheckpointError: `...` is in use by process ...; wait until it ends, or choose another directory
    """

    def __init__(self, root: Path) -> None:
        from filelock import FileLock  # here, for who only reads a run's model would wait 15 ms for it

        self.root = root
        self._lock = FileLock(root / _LOCK, timeout=0, thread_local=False)

    def __enter__(self) -> Self:
        from filelock import Timeout

        with durable.disk_errors(self.root, "locked"):
            durable.make_directory(self.root)
            try:
                self._lock.acquire()
            except Timeout as error:
                raise CheckpointError(
                    f"`{self.root}` is in use by {self._owner()}; wait until it ends, or choose another directory"
                ) from error
        try:
            write_file(self.root / _LOCK_OWNER, f"{os.getpid()}\n".encode())
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def _owner(self) -> str:
        try:
            return f"process {int((self.root / _LOCK_OWNER).read_bytes()[:20])}"
        except (OSError, ValueError):
            return "another process"
