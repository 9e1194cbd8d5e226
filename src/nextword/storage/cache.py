"""Folders that are built once, kept under a name that says all they depend on, and checked whenever they are used.

Each is a sealed directory, built by one process at a time. A folder under its own name is whole, or damaged and known
to be so; then it is built again.
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
from nextword.storage import sealed_directory


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
        folder: Where the result is or will be.
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
                for left in (folder, *folder.parent.glob(f".tmp-{folder.name}-*")):
                    shutil.rmtree(left, ignore_errors=True)
                sealed_directory.build(folder, build)
    except OSError as error:
        raise StorageError(
            f"the cache `{folder.parent}` must be writable, but: {error.strerror or error}; name another folder in the "
            "variable NEXTWORD_CACHE"
        ) from error
    return folder


def _is_sound(folder: Path) -> bool:
    try:
        sealed_directory.verify(folder)
    except StorageError:
        return False
    return True
