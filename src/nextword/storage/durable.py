"""Single steps on the disk, each finished when it returns: a power failure cannot take it back."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextword.errors import StorageError

TEMPORARY_NAME = re.compile(r"\.tmp-.+-[0-9a-f]{12}")
"""What is called so was left by a write that was cut off, and may be removed by the next one."""


def named_path(path: Path) -> Path:
    """Return `path` from the root on.

    Raises:
        StorageError: It ends in no name of its own.
    """
    path = path.absolute()
    if path.name in ("", ".."):
        raise StorageError(f"`{path}` must end in a name of its own, but does not; give it one")
    return path


def temporary_path(path: Path) -> Path:
    """Return a new name beside `path` for what will become it; see `TEMPORARY_NAME`."""
    return path.with_name(f".tmp-{path.name}-{secrets.token_hex(6)}")


def write_new_file(path: Path, data: bytes) -> None:
    """Create a file, readable by whom the umask allows, with every byte on the disk; its name may not be yet.

    Raises:
        OSError: The file exists, or the disk refused.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Put the names in a directory on the disk: those made, changed and removed so far.

    Raises:
        OSError: The disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and those above it, outermost first; an existing one is left alone.

    Raises:
        OSError: The disk refused.
    """
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


@contextmanager
def disk_errors(path: Path, done: str) -> Iterator[None]:
    """Turn an error of the operating system into one for the user: "`path` could not be `done`, because ...".

    Raises:
        StorageError: In place of every `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"`{path}` could not be {done} ({error.strerror or error}); what was there before is kept; "
            "see to the disk, or choose another place"
        ) from error
