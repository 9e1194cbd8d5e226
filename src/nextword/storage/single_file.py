"""Single files that are whole or as they were: each takes its name in one step, once every byte is on the disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextword.storage.durable import disk_errors, named_path, sync_directory, temporary_path, write_new_file


def write_file(path: Path, data: bytes) -> None:
    """Write a file, or replace it in one step.

    Raises:
        StorageError: The disk refused; the former file is whole.
    """
    with replacing(path) as temporary:
        write_new_file(temporary, data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a new file beside `path`, which takes its place where the block ends well, and is gone if not.

    Raises:
        StorageError: In place of every `OSError`, within the block too; the former file is whole.
    """
    path = named_path(path)
    temporary = temporary_path(path)
    with disk_errors(path, "written"):
        try:
            yield temporary
            _sync_file(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
