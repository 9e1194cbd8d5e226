"""Folders for what is being written. Those of processes that were killed are removed by the next one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

_LOCK = ".lock"


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Hold an empty folder in `parent`, which is created if necessary. It is removed afterwards.

    Args:
        parent: The folder around it.
        name: What it is for. Its own name is hidden, and begins with this.

    Raises:
        OSError: The folder cannot be made.
    """
    from filelock import FileLock  # slow to import, and rarely needed

    parent.mkdir(parents=True, exist_ok=True)
    with FileLock(parent / f".lock-{name}"):  # nobody may see a new folder before it is locked
        for left in parent.glob(f".{name}-*"):
            with suppress(OSError):  # in use, or of another user
                with FileLock(left / _LOCK, timeout=0):
                    pass
                rmtree(left)
        scratch = TemporaryDirectory(dir=parent, prefix=f".{name}-", ignore_cleanup_errors=True)
        lock = FileLock(Path(scratch.name, _LOCK), timeout=0)
        lock.acquire()
    with scratch as folder:
        try:
            yield Path(folder)
        finally:
            lock.release()
