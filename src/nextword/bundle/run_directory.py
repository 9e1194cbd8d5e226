"""The directory of a training run: its files, its lock, and what they say about how good its model is."""

import itertools
import json
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nextword.bundle.model_card import SplitMetrics
from nextword.bundle.origin import CONFIG_FILE, MODEL_FOLDER
from nextword.bundle.store import read_bundle
from nextword.errors import BundleError, CheckpointError, StorageError
from nextword.system.files import disk_errors, make_directory, write_file

LOG_FILE = "log.jsonl"
"""One JSON object for each round of a run."""

METRICS_FILE = "metrics.json"
"""The metrics of a finished run."""

_MAX_METRICS_BYTES = 2**20
_LOCK = ".lock"
_LOCK_OWNER = ".lock-owner"

_PATIENCE = 1.0
"""Seconds in which a lock must become free. `is_in_use` holds it for a moment."""


@dataclass(frozen=True)
class RunDirectory:
    """The directory of one run.

    RUN/config.toml    every setting, resolved
    RUN/checkpoints/   the newest two checkpoints, and the best
    RUN/log.jsonl      one object per round; log.csv has the same content
    RUN/points.jsonl   one object per interval of steps within the rounds
    RUN/curves.svg     training and validation perplexity by epoch
    RUN/metrics.json   the metrics of the finished run
    RUN/model/         the bundle, written at the end
    RUN/start/         if it has a base: a bundle of the vocabulary and the weights before the first step
    """

    root: Path

    @property
    def config_file(self) -> Path:
        """The resolved settings."""
        return self.root / CONFIG_FILE

    @property
    def checkpoints(self) -> Path:
        """The checkpoints."""
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        """The bundle."""
        return self.root / MODEL_FOLDER

    @property
    def start(self) -> Path:
        """The bundle that a run with a base begins with."""
        return self.root / "start"

    @property
    def metrics_file(self) -> Path:
        """The metrics of the finished run."""
        return self.root / METRICS_FILE

    @property
    def is_run(self) -> bool:
        """Whether the directory holds a run."""
        return self.config_file.is_file()

    def require_run(self) -> None:
        """Raise `CheckpointError` if the directory holds no run."""
        if not self.is_run:
            raise CheckpointError(
                f"`{self.root}` must be the directory of a training run, but has no {self.config_file.name}; "
                "start a run with `nextword train TEXT --run DIR`"
            )

    @property
    def is_finished(self) -> bool:
        """Whether the run has reached its end, and its metrics and its bundle are sound."""
        try:
            table = json.loads(self.metrics_file.read_bytes())
            read_split_metrics(self.metrics_file)
            read_bundle(self.model, defer_weights=True)
        except (OSError, ValueError, BundleError, CheckpointError):
            return False
        return isinstance(table, dict) and table.get("finished") is True

    def drop_figures_as_used(self) -> None:
        """Remove from the metrics how well the model did with a mixture that it no longer has."""
        if read_split_metrics(self.metrics_file):
            table = json.loads(self.metrics_file.read_bytes())
            for row in table["splits"]:
                row |= {"perplexity_as_used": None, "protocol_as_used": ""}
            write_file(self.metrics_file, (json.dumps(table, indent=2) + "\n").encode())

    def require_free(self) -> None:
        """Raise `CheckpointError` if the directory already holds a run."""
        if not self.is_run:
            return
        other = f"train in another directory, such as `--run {shlex.quote(str(self._next_free()))}`"
        if self.model.is_dir():
            raise CheckpointError(f"`{self.root}` must be a new directory, but holds a finished run; {other}")
        raise CheckpointError(
            f"`{self.root}` must be a new directory, but holds a run that is not finished; resume it with "
            f"`nextword train --resume {shlex.quote(str(self.root))}`, or {other}"
        )

    def _next_free(self) -> Path:
        root = self.root if self.root.name else self.root.absolute()  # `.` has no name
        numbered = (root.with_name(f"{root.name}-{number}") for number in itertools.count(2))
        return next(path for path in numbered if not path.exists())

    def require_writable(self) -> None:
        """Raise `StorageError` if nothing can be written to the directory, which need not exist yet."""
        existing = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            raise StorageError(
                f"cannot write to `{self.root}`: {(error.strerror or str(error)).lower()}; use `--run DIR`"
            ) from error


@contextmanager
def run_lock(root: Path) -> Iterator[None]:
    """Hold the lock of a run directory. One process holds it at a time, and the system releases it when that one ends.

    Raises:
        CheckpointError: Another process, named in the message, holds the lock.
        StorageError: The lock cannot be taken.
    """
    from filelock import FileLock, Timeout  # here, because the import takes 15 ms and reading a model needs no lock

    created = [path for path in (root, *root.parents) if not path.exists()]
    lock = FileLock(root / _LOCK, timeout=_PATIENCE, thread_local=False)
    with disk_errors(root, "locked"):
        make_directory(root)
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
        if created and not RunDirectory(root).is_run:  # nothing was begun, so nothing is left
            with suppress(OSError):  # who waits for the lock finds that its file is gone, and makes a new one
                for name in (_LOCK_OWNER, _LOCK):
                    (root / name).unlink()
                for path in created:
                    path.rmdir()
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
    except OSError:  # another user's directory
        return False
    lock.release()
    return False


def _owner(root: Path) -> str:
    try:
        return f"process {int((root / _LOCK_OWNER).read_bytes()[:20])}"
    except (OSError, ValueError):
        return "another process"


def read_rows[Row](path: Path, parse: Callable[[str], tuple[Row, ...]], *, max_bytes: int = -1) -> tuple[Row, ...]:
    """Return the rows of a file of a run; empty if there is no such file yet."""
    try:
        with path.open("rb") as file:
            return parse(file.read(max_bytes).decode("utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CheckpointError(
            f"`{path}` must be a file written by a training run, but cannot be read ({error}); "
            f"write it again with `nextword train --resume {shlex.quote(str(path.parent))}`"
        ) from error


def read_split_metrics(path: Path) -> tuple[SplitMetrics, ...]:
    """Return the metrics of each split in a `metrics.json`; empty if there is no such file yet."""
    return read_rows(path, _split_metrics, max_bytes=_MAX_METRICS_BYTES)


def _split_metrics(text: str) -> tuple[SplitMetrics, ...]:
    numbers = ("perplexity", "bits_per_character", "accuracy")
    return tuple(
        SplitMetrics(**row | {name: float(row[name]) for name in numbers}) for row in json.loads(text)["splits"]
    )
