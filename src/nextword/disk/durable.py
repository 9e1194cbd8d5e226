"""Single steps on the disk. A step that has returned survives a power failure."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextword.disk.held_directory import CLOSE_ON_EXEC
from nextword.errors import StorageError

TEMPORARY_NAME = re.compile(r"\.tmp-.+-[0-9a-f]{12}")
"""Names of files and directories that an interrupted write left behind. The next write may remove them."""

# Windows cannot open a directory, and has no call that writes its names to the disk.
_CAN_SYNC_DIRECTORIES = hasattr(os, "O_DIRECTORY")


def named_path(path: Path) -> Path:
    """Return `path` as an absolute path.

    Raises:
        StorageError: The path does not end in a name, such as `..`.
    """
    path = path.absolute()
    if path.name in ("", ".."):
        raise StorageError(f"`{path}` must end in a name, but does not; add one")
    return path


def temporary_path(path: Path) -> Path:
    """Return a new name beside `path`, under which its content is written first; see `TEMPORARY_NAME`."""
    return path.with_name(f".tmp-{path.name}-{secrets.token_hex(6)}")


def write_new_file(path: Path, data: bytes) -> None:
    """Create a file and write its bytes to the disk; the umask decides who may read it.

    Raises:
        OSError: The file exists, or the disk refused.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CLOSE_ON_EXEC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Write the names in a directory to the disk: those created, changed and removed so far.

    On Windows this does nothing: a power failure there may undo the last changes of names.

    Raises:
        OSError: The disk refused.
    """
    if not _CAN_SYNC_DIRECTORIES:
        return
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | CLOSE_ON_EXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and its parents, outermost first; those that exist stay as they are.

    Raises:
        OSError: The disk refused.
    """
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


@contextmanager
def disk_errors(path: Path, done: str) -> Iterator[None]:
    """Turn an error of the operating system into one for the user: "`path` could not be `done` (...)".

    Raises:
        StorageError: In place of every `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"`{path}` could not be {done} ({error.strerror or error}); what was there before is kept; "
            "free space or repair the disk, or choose another place"
        ) from error
