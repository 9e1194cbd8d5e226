"""Single files that are whole or as they were: each takes its name in one step, once every byte is on the disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextword.errors import StorageError
from nextword.storage.durable import disk_errors, named_path, sync_directory, temporary_path, write_new_file


def write_file(path: Path, data: bytes) -> None:
    """Write a file, or replace it in one step; if `path` is a link, what it leads to.

    Raises:
        StorageError: The disk refused; the former file is whole. Or there is something that is no file.
    """
    with replacing(path) as temporary:
        write_new_file(temporary, data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a new file beside `path`, which takes its place if the block ends well, and is gone if not.

    A link stays: what it leads to is replaced.

    Raises:
        StorageError: In place of every `OSError`, within the block too; the former file is whole. Or `path` is a pipe,
            a device or a directory, whose place a file must not take.
    """
    path = named_path(path).resolve()
    if path.exists() and not path.is_file():
        raise StorageError(f"`{path}` must be a file to be replaced, but is {kind_of(path)}; name another")
    temporary = temporary_path(path)
    with disk_errors(path, "written"):
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def kind_of(path: Path) -> str:
    """Return what there is at a path that is no file."""
    return "a directory" if path.is_dir() else "a pipe or a device"
