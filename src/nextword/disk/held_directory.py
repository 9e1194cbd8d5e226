"""A directory that is held open for reading, even while a writer gives its name to another directory.

Linux and macOS open the directory itself and its files relative to it. Windows cannot, so there each file is opened by
its path. A reader that meets a writer there may get an error, but never a mixture: each file is checked against the
manifest.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

# Flags that Windows lacks are 0 here, and so are those that only Windows has.
CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
"""Flags of every descriptor that nextword opens: its bytes are not translated, and child processes do not get it."""

_READ = os.O_RDONLY | CLOSE_ON_EXEC
_READ_FILE = _READ | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_READ_DIRECTORY = _READ | getattr(os, "O_DIRECTORY", 0)
_BY_DESCRIPTOR = {os.open, os.stat} <= os.supports_dir_fd and os.scandir in os.supports_fd


@dataclass(frozen=True)
class HeldDirectory:
    """A directory that is open for reading; `held` makes it.

    Attributes:
        path: Its path when it was opened.
        descriptor: The open directory; `None` on Windows, where the path stands for it.
    """

    path: Path
    descriptor: int | None

    def names(self, at_most: int) -> set[str]:
        """Return the names in the directory, or `at_most` of them if it holds more."""
        with os.scandir(self.path if self.descriptor is None else self.descriptor) as entries:
            return {entry.name for entry in islice(entries, at_most)}

    def is_regular_file(self, name: str) -> bool:
        """Return whether `name` is a regular file, not a link or anything else.

        Raises:
            OSError: There is no such file, or the disk refused.
        """
        return stat.S_ISREG(self._stat(name).st_mode)

    def open_file(self, name: str) -> int:
        """Return a descriptor of a file of the directory, opened for reading; links are not followed.

        Raises:
            OSError: There is no such file, it is a link, or the disk refused.
        """
        if self.descriptor is not None:
            return os.open(name, _READ_FILE, dir_fd=self.descriptor)
        seen = self._stat(name)
        descriptor = os.open(self.path / name, _READ_FILE)
        if not os.path.samestat(seen, os.fstat(descriptor)):  # a link, or a file that was replaced meanwhile
            os.close(descriptor)
            raise OSError(errno.ELOOP, "it was replaced while it was opened")
        return descriptor

    def _stat(self, name: str) -> os.stat_result:
        if self.descriptor is None:
            return (self.path / name).lstat()
        return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)


@contextmanager
def held(path: Path) -> Iterator[HeldDirectory]:
    """Hold a directory open within the block; `path` itself may be a link.

    Raises:
        OSError: There is no such directory, or it cannot be read.
        ValueError: The path holds a NUL character.
    """
    if not _BY_DESCRIPTOR:
        if not stat.S_ISDIR(path.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        yield HeldDirectory(path, None)
        return
    descriptor = os.open(path, _READ_DIRECTORY)
    try:
        yield HeldDirectory(path, descriptor)
    finally:
        os.close(descriptor)
