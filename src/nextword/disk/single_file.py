"""Single files that are replaced in one step: a reader finds the whole old file or the whole new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextword.disk.durable import disk_errors, named_path, sync_directory, temporary_path, write_new_file
from nextword.errors import StorageError


def write_file(path: Path, data: bytes) -> None:
    """Write a file, or replace it in one step. If `path` is a link, the file that it leads to is replaced.

    Raises:
        StorageError: The disk refused; the old file is kept. Or `path` is not a file.
    """
    with replacing(path) as temporary:
        write_new_file(temporary, data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a new file beside `path`. It replaces `path` if the block succeeds, and is removed if not.

    A link stays a link: the file that it leads to is replaced.

    Raises:
        StorageError: In place of every `OSError`, within the block too; the old file is kept. Or `path` is a pipe, a
            device or a directory, which a file must not replace.
    """
    path = named_path(path).resolve()
    if path.exists() and not path.is_file():
        raise StorageError(f"`{path}` must be a file to be replaced, but is {kind_of(path)}; choose another name")
    temporary = temporary_path(path)
    with disk_errors(path, "written"):
        try:
            yield temporary
            with temporary.open("rb+") as file:  # Windows writes only a file open for writing to the disk
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def kind_of(path: Path) -> str:
    """Return what is at a path that is not a file, in words."""
    return "a directory" if path.is_dir() else "a pipe or a device"
