"""Folders that are built once, kept under a name that says all they depend on, and checked whenever they are used.

A folder is built beside its place by one process at a time, sealed by the SHA-256 of each of its files, synced to the
disk and renamed. So a folder under its own name is whole, or damaged and known to be, and then it is built again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from nextword.errors import StorageError

_SEAL = "seal.json"


def cache_root(cache_dir: Path | None = None) -> Path:
    """Return where derived files are kept: `cache_dir`, else `NEXTWORD_CACHE`, else the user's cache folder."""
    if cache_dir is not None:
        return cache_dir
    variable = os.environ.get("NEXTWORD_CACHE")
    return Path(variable) if variable else user_cache_path("nextword")


def cache_key(*dependencies: str | int | None) -> str:
    """Return a name, in hexadecimal, for what follows from these values and from nothing else."""
    return hashlib.sha256(json.dumps(dependencies).encode("utf-8")).hexdigest()


def cached_folder(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return `folder`, built if it is absent or damaged.

    Args:
        folder: Where the result lies or shall lie.
        build: Writes the files into the empty folder that it is given.

    Raises:
        StorageError: The folder cannot be written.
    """
    if _is_sound(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not _is_sound(folder):
                _build(folder, build)
    except OSError as error:
        raise StorageError(
            f"the cache `{folder.parent}` must be writable, but: {error.strerror or error}; name another folder in the "
            "variable NEXTWORD_CACHE"
        ) from error
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        build(partial)
        _seal(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        _sync_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _seal(folder: Path) -> None:
    sums = {path.name: _sum(path) for path in sorted(folder.iterdir())}
    (folder / _SEAL).write_text(json.dumps(sums), encoding="utf-8")
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _is_sound(folder: Path) -> bool:
    try:
        sums = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
        return bool(sums) and all(_sum(folder / name) == recorded for name, recorded in sums.items())
    except (OSError, ValueError, AttributeError):
        return False


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where the system can (Windows cannot, and needs not)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
