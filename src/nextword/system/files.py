"""Files and directories on the disk: steps that survive a power failure, files that are replaced in one step.

A directory is held open for reading, even while a writer gives its name to another one. Linux and macOS open the
directory itself and its files relative to it. Windows cannot, so there each file is opened by its path. A reader that
meets a writer there may get an error, but never a mixture: each file is checked against the manifest.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nextword.errors import StorageError

# Flags that Windows lacks are 0 here, and so are those that only Windows has.
CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
"""Flags of every descriptor that nextword opens: its bytes are not translated, and child processes do not get it."""

_READ = os.O_RDONLY | CLOSE_ON_EXEC
_READ_FILE = _READ | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_READ_DIRECTORY = _READ | getattr(os, "O_DIRECTORY", 0)
_BY_DESCRIPTOR = {os.open, os.stat} <= os.supports_dir_fd and os.scandir in os.supports_fd


@dataclass(frozen=True)
class HeldDirectory:
    """A directory that is open for reading; `held` makes it."""

    path: Path  # its path when it was opened
    descriptor: int | None  # the open directory; `None` on Windows, where the path stands for it

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


TEMPORARY_NAME = re.compile(r"\.tmp-.+-[0-9a-f]{12}")
"""Names of files and directories that an interrupted write left behind. The next write may remove them."""

# Windows cannot open a directory, and has no call that writes its names to the disk.
_CAN_SYNC_DIRECTORIES = hasattr(os, "O_DIRECTORY")


def named_path(path: Path) -> Path:
    """Return `path` as an absolute path."""
    path = path.absolute()
    if path.name in ("", ".."):
        raise StorageError(f"`{path}` must end in a name, but does not; add one")
    return path


def temporary_path(path: Path) -> Path:
    """Return a new name beside `path`, under which its content is written first; see `TEMPORARY_NAME`."""
    return path.with_name(f".tmp-{path.name}-{secrets.token_hex(6)}")


def write_new_file(path: Path, data: bytes) -> None:
    """Create a file and write its bytes to the disk; the umask decides who may read it."""
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
    """
    if not _CAN_SYNC_DIRECTORIES:
        return
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | CLOSE_ON_EXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and its parents, outermost first; those that exist stay as they are."""
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
