"""Directories that are replaced in one step. nextword writes bundles, checkpoints and cached folders in this way.

A sealed directory holds a few regular files and `MANIFEST.json`, which lists the name, the size and the SHA-256 digest
of each. It is written under a temporary name, and renamed when every byte is on the disk:

    step                                                        what a reader of `model` finds
    .tmp-model-91f0c2a1b3d4/weights, ... written, fsynced       the old directory, if there was one
    .tmp-model-91f0c2a1b3d4/MANIFEST.json the same, last        the old directory
    .tmp-model-91f0c2a1b3d4 fsynced                             the old directory
    model -> .aside-model                                       the old directory, in .aside-model
    .tmp-model-91f0c2a1b3d4 -> model                            the new directory
    parent fsynced, .aside-model removed                        the new directory

A reader finds the old directory or the new one, never a mixture; so does the next run after a crash or a power failure.
Readers hold the directory open, not its name, and check the bytes that they return. Two writers of one directory must
exclude each other with a lock of their own.

On Windows, a directory is neither fsynced nor held open. A power failure there may undo the last replacement, and a
replacement fails while a reader has a file open.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nextword.errors import StorageError
from nextword.system import files as disk
from nextword.system.files import HeldDirectory, held
from nextword.system.manifest import (
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
    _directory: HeldDirectory

    def read(self, name: str) -> bytes:
        """Return the content of a file after checking it against the manifest.

        Raises:
            StorageError: The manifest does not name the file, or its size or its digest differs.
        """
        seal = self._seal(name)
        with opened_regular_file(self.path, self._directory, name, seal.size) as stream:
            data = stream.read(seal.size)
        self._require(name, seal_of(data))
        return data

    def check(self, name: str) -> None:
        """Check a file against the manifest without loading it whole."""
        with opened_regular_file(self.path, self._directory, name, self._seal(name).size) as stream:
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
            raise damaged(self.path, f"`{name}` does not have the SHA-256 digest that `{MANIFEST_NAME}` gives")


@contextmanager
def opened(path: Path) -> Iterator[Sealed]:
    """Open a sealed directory. Its list of files is checked now, each file when it is read.

    `path` itself may be a link, such as `models/current`; links in the directory are refused.

    Raises:
        StorageError: There is no such directory, its manifest is damaged, a file is missing, or one is not listed.
    """
    with _held(path) as directory:
        manifest = _read_manifest(path, directory)
        _check_entries(path, directory, manifest)
        yield Sealed(path, manifest, directory)


def read(path: Path) -> dict[str, bytes]:
    """Return the checked content of every file of a sealed directory."""
    with opened(path) as sealed:
        return {name: sealed.read(name) for name in sealed.manifest}


def verify(path: Path) -> Manifest:
    """Return the manifest of a sealed directory after checking every file, one at a time.

    Raises:
        StorageError: The directory is damaged; the message names the file and the damage.
    """
    with opened(path) as sealed:
        for name in sealed.manifest:
            sealed.check(name)
        return sealed.manifest


def write(path: Path, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write a sealed directory. On any error, what was at `path` before is kept.

    Raises:
        StorageError: `path` exists and `replace` is false, it holds files that nextword did not write, or the disk
            refused.
    """
    path = disk.named_path(path)
    try:
        check_names(files)
    except ValueError as error:
        raise StorageError(f"`{path}` {error}") from error
    with disk.disk_errors(path, "written"):
        _recover(path)
        _check_place(path, files, replace)
        _install(path, partial(_write_files, files))


def build(path: Path, fill: Callable[[Path], None]) -> None:
    """Write a sealed directory file by file, for content that is too large for memory. `path` must not exist yet.

    `fill` writes the files into the empty directory that it gets; what it raises is passed on.
    """
    _install(path, partial(_sync_files, fill))


def remove(path: Path) -> None:
    """Remove a sealed directory. It is renamed first: no reader finds a part of it."""
    path = disk.named_path(path)
    temporary = disk.temporary_path(path)
    with disk.disk_errors(path, "removed"):
        path.rename(temporary)
    shutil.rmtree(temporary, ignore_errors=True)


def names(parent: Path) -> list[str]:
    """Return the sorted names in `parent`, without what interrupted writes left behind."""
    with disk.disk_errors(parent, "read"):
        found = {entry.name.removeprefix(_ASIDE) for entry in parent.iterdir()}
    return sorted(name for name in found if not disk.TEMPORARY_NAME.fullmatch(name))


def remove_leftovers(parent: Path) -> None:
    """Remove what interrupted writes left in `parent`, and restore what they had set aside.

    Only the writer of `parent` may call this.
    """
    with disk.disk_errors(parent, "cleared"):
        for entry in sorted(parent.iterdir()):
            if entry.name.startswith(_ASIDE):
                _recover(parent / entry.name.removeprefix(_ASIDE))
            elif disk.TEMPORARY_NAME.fullmatch(entry.name):
                if entry.is_symlink() or not entry.is_dir():
                    entry.unlink()
                else:
                    shutil.rmtree(entry)


def _install(path: Path, fill: Callable[[Path], Manifest]) -> None:
    """Fill a temporary directory, write the manifest that `fill` returns, and rename the directory to `path`."""
    temporary = disk.temporary_path(path)
    disk.make_directory(path.parent)
    try:
        temporary.mkdir()
        disk.write_new_file(temporary / MANIFEST_NAME, encode(fill(temporary)))
        disk.sync_directory(temporary)
        _move_in(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _write_files(files: Mapping[str, bytes], temporary: Path) -> Manifest:
    for name, data in files.items():
        disk.write_new_file(temporary / name, data)
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
    """Rename `new` to `path`, or undo every step.

    What to undo is read from the disk, not from a flag, since an interrupt may come anywhere.
    """
    aside = _aside(path)
    try:
        if path.exists(follow_symlinks=False):
            path.rename(aside)
        new.rename(path)
        disk.sync_directory(path.parent)
    except BaseException:
        if not new.exists():
            path.rename(new)
        if aside.exists():
            aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _recover(path: Path) -> None:
    """Undo a replacement that was interrupted between its two renames, or finish one interrupted after them."""
    aside = _aside(path)
    if aside.exists() and not path.exists(follow_symlinks=False):
        aside.rename(path)
    elif aside.exists():
        shutil.rmtree(aside)


def _check_place(path: Path, files: Mapping[str, bytes], replace: bool) -> None:
    """Refuse to replace anything that nextword did not write itself."""
    if not path.exists(follow_symlinks=False):
        return
    if not replace:
        raise StorageError(f"`{path}` exists already; choose another name, or pass `replace=True`")
    if path.is_symlink() or not path.is_dir():
        raise StorageError(f"`{path}` must be a directory to be replaced, but is a file or a link; move it away")
    ours = {MANIFEST_NAME, *files}
    with _held(path) as directory, suppress(StorageError):  # a damaged directory may be replaced
        ours |= _read_manifest(path, directory).keys()
    if foreign := {entry.name for entry in path.iterdir()} - ours:
        raise StorageError(f"`{path}` holds {min(foreign)!a}, which would be lost if it were replaced; move it away")


@contextmanager
def _held(path: Path) -> Iterator[HeldDirectory]:
    for place in (path, _aside(path), path):  # a writer may finish between the first attempt and the second
        with ExitStack() as stack:
            try:
                directory = stack.enter_context(held(place))
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:  # a ValueError for a name with a NUL in it
                raise StorageError(f"`{path}` must be a directory that can be read, but is not: {error}") from error
            yield directory
            return
    raise StorageError(f"`{path}` must be a directory that nextword wrote, but does not exist; check the name")


def _read_manifest(path: Path, directory: HeldDirectory) -> Manifest:
    try:
        with opened_regular_file(path, directory, MANIFEST_NAME, MAX_BYTES) as stream:
            return decode(stream.read(MAX_BYTES))
    except ValueError as error:
        raise damaged(path, f"`{MANIFEST_NAME}` {error}") from error


def _check_entries(path: Path, directory: HeldDirectory, manifest: Manifest) -> None:
    found = directory.names(at_most=MAX_FILES + 2)
    if extra := found - manifest.keys() - {MANIFEST_NAME}:
        raise damaged(path, f"`{MANIFEST_NAME}` does not name the file {min(extra)!a}")
    if missing := manifest.keys() - found:
        raise damaged(path, f"`{min(missing)}` is missing")


def _aside(path: Path) -> Path:
    return path.absolute().parent / (_ASIDE + path.absolute().name)
