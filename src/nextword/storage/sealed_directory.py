"""Directories that are whole or absent: how nextword writes everything that it must not lose.

A sealed directory holds a few regular files and `MANIFEST.json`, which names each of them with its size and its
SHA-256 sum. It is filled under a temporary name beside its place, and gets its name when every byte is on the disk:

    step                                                        what a reader of `model` finds
    .tmp-model-91f0c2a1b3d4/weights, ... written, fsynced       the old directory, if there was one
    .tmp-model-91f0c2a1b3d4/MANIFEST.json the same, last        the old directory
    .tmp-model-91f0c2a1b3d4 fsynced                             the old directory
    model -> .aside-model                                       the old directory, in .aside-model
    .tmp-model-91f0c2a1b3d4 -> model                            the new directory
    parent fsynced, .aside-model removed                        the new directory

So a reader, or the next run after a crash or a power failure, finds the old directory or the new one, never a mixture:
readers hold the directory itself open, not its name, and check the very bytes that they return. Two writers of one
place must exclude each other by a lock of their own. POSIX only.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from nextword.errors import StorageError
from nextword.storage import durable
from nextword.storage.manifest import (
    MANIFEST_NAME,
    MAX_BYTES,
    MAX_FILES,
    Manifest,
    Seal,
    check_names,
    damaged,
    decode,
    encode,
    opened_regular_file,
    seal_of,
    seal_of_stream,
)

_ASIDE = ".aside-"


@dataclass(frozen=True)
class Sealed:
    """A sealed directory held open for reading; `opened` makes it."""

    path: Path
    manifest: Manifest
    _descriptor: int

    def read(self, name: str) -> bytes:
        """Return the content of a file, checked against the manifest.

        Raises:
            StorageError: The manifest does not name the file, or the file is not what the manifest says.
        """
        seal = self._seal(name)
        with opened_regular_file(self.path, self._descriptor, name, seal.size) as stream:
            data = stream.read(seal.size)
        self._require(name, seal_of(data))
        return data

    def check(self, name: str) -> None:
        """Check a file against the manifest as `read` does, in little memory, and return nothing of it.

        Raises:
            StorageError: The manifest does not name the file, or the file is not what the manifest says.
        """
        with opened_regular_file(self.path, self._descriptor, name, self._seal(name).size) as stream:
            self._require(name, seal_of_stream(stream))

    def _seal(self, name: str) -> Seal:
        if name not in self.manifest:
            raise damaged(self.path, f"`{name}` is missing")
        return self.manifest[name]

    def _require(self, name: str, found: Seal) -> None:
        seal = self.manifest[name]
        if found.size != seal.size:
            raise damaged(self.path, f"`{name}` must be {seal.size} bytes long, but is {found.size}")
        if found != seal:
            raise damaged(self.path, f"`{name}` does not have the SHA-256 sum that `{MANIFEST_NAME}` gives")


@contextmanager
def opened(path: Path) -> Iterator[Sealed]:
    """Open a sealed directory: its list of files is checked at once, each file when it is read.

    `path` itself may be a link, such as `models/current`; a link inside is refused.

    Raises:
        StorageError: There is no such directory, its manifest is not sound, or a file is missing or one too many.
    """
    descriptor = _open_directory(path)
    try:
        manifest = _read_manifest(path, descriptor)
        _check_entries(path, descriptor, manifest)
        yield Sealed(path, manifest, descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> dict[str, bytes]:
    """Return the checked content of every file of a sealed directory.

    Raises:
        StorageError: The directory is not sound; the message names the file and what is wrong.
    """
    with opened(path) as sealed:
        return {name: sealed.read(name) for name in sealed.manifest}


def verify(path: Path) -> Manifest:
    """Return the manifest of a sealed directory after checking every file, one at a time.

    Raises:
        StorageError: The directory is not sound; the message names the file and what is wrong.
    """
    with opened(path) as sealed:
        for name in sealed.manifest:
            sealed.check(name)
        return sealed.manifest


def write(path: Path, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write a sealed directory; on any error, what was at `path` before is still there and whole.

    Raises:
        StorageError: `path` exists and `replace` is false, or holds what nextword did not write, or the disk refused.
    """
    path = durable.named_path(path)
    try:
        check_names(files)
    except ValueError as error:
        raise StorageError(f"`{path}` {error}") from error
    with durable.disk_errors(path, "written"):
        _recover(path)
        _check_place(path, files, replace)
        _install(path, partial(_write_files, files))


def build(path: Path, fill: Callable[[Path], None]) -> None:
    """Write a sealed directory file by file, for what is too large for the memory; `path` must not exist yet.

    Args:
        path: The directory.
        fill: Writes the files into the empty directory that it is given; whatever it raises is passed on.

    Raises:
        OSError: The disk refused.
    """
    _install(path, partial(_sync_files, fill))


def remove(path: Path) -> None:
    """Remove a sealed directory; it loses its name first, so that no reader finds it in part.

    Raises:
        StorageError: The disk refused.
    """
    path = durable.named_path(path)
    temporary = durable.temporary_path(path)
    with durable.disk_errors(path, "removed"):
        path.rename(temporary)
    shutil.rmtree(temporary, ignore_errors=True)


def names(parent: Path) -> list[str]:
    """Return the sorted names that readers find in `parent`: all but the leftovers of interrupted writes.

    Raises:
        StorageError: The disk refused.
    """
    with durable.disk_errors(parent, "read"):
        found = {entry.name.removeprefix(_ASIDE) for entry in parent.iterdir()}
    return sorted(name for name in found if not durable.TEMPORARY_NAME.fullmatch(name))


def remove_leftovers(parent: Path) -> None:
    """Remove what interrupted writes left in `parent`, and put back what they had set aside; for its only writer.

    Raises:
        StorageError: The disk refused.
    """
    with durable.disk_errors(parent, "cleared"):
        for entry in sorted(parent.iterdir()):
            if entry.name.startswith(_ASIDE):
                _recover(parent / entry.name.removeprefix(_ASIDE))
            elif durable.TEMPORARY_NAME.fullmatch(entry.name):
                if entry.is_symlink() or not entry.is_dir():
                    entry.unlink()
                else:
                    shutil.rmtree(entry)


def _install(path: Path, fill: Callable[[Path], Manifest]) -> None:
    """Fill a temporary directory, seal it by the manifest that `fill` returns, and give it its name."""
    temporary = durable.temporary_path(path)
    durable.make_directory(path.parent)
    try:
        temporary.mkdir()
        durable.write_new_file(temporary / MANIFEST_NAME, encode(fill(temporary)))
        durable.sync_directory(temporary)
        _move_in(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _write_files(files: Mapping[str, bytes], temporary: Path) -> Manifest:
    for name, data in files.items():
        durable.write_new_file(temporary / name, data)
    return {name: seal_of(data) for name, data in files.items()}


def _sync_files(fill: Callable[[Path], None], temporary: Path) -> Manifest:
    fill(temporary)
    manifest: dict[str, Seal] = {}
    for path in sorted(temporary.iterdir()):
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
            manifest[path.name] = seal_of_stream(stream)
    return manifest


def _move_in(new: Path, path: Path) -> None:
    """Give `new` the name `path`, or undo every step; what to undo is read from the disk, not from a flag."""
    aside = _aside(path)
    try:
        if path.exists(follow_symlinks=False):
            path.rename(aside)
        new.rename(path)
        durable.sync_directory(path.parent)
    except BaseException:
        if not new.exists():
            path.rename(new)
        if aside.exists():
            aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _recover(path: Path) -> None:
    """Undo a replacement that was cut off between its two renames, or finish one that was cut off after them."""
    aside = _aside(path)
    if aside.exists() and not path.exists(follow_symlinks=False):
        aside.rename(path)
    elif aside.exists():
        shutil.rmtree(aside)


def _check_place(path: Path, files: Mapping[str, bytes], replace: bool) -> None:
    """Refuse to replace anything whose loss would be a loss: what nextword did not write there itself."""
    if not path.exists(follow_symlinks=False):
        return
    if not replace:
        raise StorageError(f"`{path}` exists already; choose another name, or ask for it to be replaced")
    if path.is_symlink() or not path.is_dir():
        raise StorageError(f"`{path}` must be a directory to be replaced, but is a file or a link; move it away")
    descriptor = _open_directory(path)
    ours = {MANIFEST_NAME, *files}
    try:
        with suppress(StorageError):  # what is damaged may be replaced
            ours |= _read_manifest(path, descriptor).keys()
    finally:
        os.close(descriptor)
    if foreign := {entry.name for entry in path.iterdir()} - ours:
        raise StorageError(f"`{path}` holds {min(foreign)!a}, which would be lost if it were replaced; move it away")


def _open_directory(path: Path) -> int:
    for place in (path, _aside(path), path):  # a writer may finish between the first attempt and the second
        try:
            return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:  # a ValueError for a name with a NUL in it
            raise StorageError(f"`{path}` must be a directory that can be read, but is not: {error}") from error
    raise StorageError(f"`{path}` must be a directory that nextword wrote, but does not exist; check the name")


def _read_manifest(path: Path, descriptor: int) -> Manifest:
    try:
        with opened_regular_file(path, descriptor, MANIFEST_NAME, MAX_BYTES) as stream:
            return decode(stream.read(MAX_BYTES))
    except ValueError as error:
        raise damaged(path, f"`{MANIFEST_NAME}` {error}") from error


def _check_entries(path: Path, descriptor: int, manifest: Manifest) -> None:
    with os.scandir(descriptor) as entries:
        found = {entry.name for entry in islice(entries, MAX_FILES + 2)}
    if extra := found - manifest.keys() - {MANIFEST_NAME}:
        raise damaged(path, f"`{MANIFEST_NAME}` does not name the file {min(extra)!a}")
    if missing := manifest.keys() - found:
        raise damaged(path, f"`{min(missing)}` is missing")


def _aside(path: Path) -> Path:
    return path.with_name(_ASIDE + path.name)
