"""A file in a directory that may come from anybody: a regular one, of a bounded length, or none."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from nextword.errors import StorageError


@contextmanager
def opened_regular_file(path: Path, descriptor: int, name: str, max_bytes: int) -> Iterator[BufferedReader]:
    """Open a file in an open directory for reading, refusing all but a regular file of at most `max_bytes`.

    Args:
        path: The directory, for the message.
        descriptor: The same, open.
        name: Of the file in it.
        max_bytes: The most that it may be long.

    Raises:
        StorageError: The file is missing, refused, or cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
            raise damaged(path, f"`{name}` must be a regular file, but is a link or something else")
        with os.fdopen(os.open(name, flags, dir_fd=descriptor), "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > max_bytes:
                raise damaged(path, f"`{name}` must be at most {max_bytes} bytes long, but is {size}")
            yield stream
    except FileNotFoundError as error:
        raise damaged(path, f"`{name}` is missing") from error
    except OSError as error:
        raise StorageError(f"`{path}/{name}` must be a file that can be read ({error.strerror})") from error


def damaged(path: Path, what: str) -> StorageError:
    """Return the error that says what is wrong with a directory."""
    return StorageError(f"`{path}` is damaged: {what}; write it anew or restore it from a copy")
