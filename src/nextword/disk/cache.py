"""Folders that are built once and checked whenever they are used. The name of each follows from all it depends on.

Each is a sealed directory, built by one process at a time. A damaged folder is built again.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from nextword.disk import sealed_directory
from nextword.errors import StorageError


def cache_root(cache_dir: Path | None = None) -> Path:
    """Return the folder for derived files: `cache_dir`, else `NEXTWORD_CACHE`, else one in the user's cache folder.

    The user's cache folder is `$XDG_CACHE_HOME` or `~/.cache` on Linux, `~/Library/Caches` on macOS, and
    `%LOCALAPPDATA%` on Windows.
    """
    if cache_dir is not None:
        return cache_dir
    variable = os.environ.get("NEXTWORD_CACHE")
    return Path(variable) if variable else user_cache(sys.platform) / "nextword"


def user_cache(system: str) -> Path:
    """Return the folder in which the programs of a user keep caches.

    Args:
        system: The operating system as `sys.platform` names it.
    """
    if system == "darwin":
        return Path.home() / "Library" / "Caches"
    name, default = ("LOCALAPPDATA", "AppData/Local") if system == "win32" else ("XDG_CACHE_HOME", ".cache")
    folder = Path(os.environ.get(name, ""))
    return folder if folder.is_absolute() else Path.home() / default


def cache_key(*dependencies: str | int | None) -> str:
    """Return a name, in hexadecimal, for a result that depends on these values and on nothing else."""
    return hashlib.sha256(json.dumps(dependencies).encode("utf-8")).hexdigest()


def cached_folder(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return `folder`, built if it is absent or damaged.

    Args:
        folder: Where the result is or will be.
        build: Writes the files into the empty folder that it gets.

    Raises:
        StorageError: The folder cannot be written.
    """
    if _is_sound(folder):
        return folder
    from filelock import FileLock  # slow to import, and rarely needed

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not _is_sound(folder):
                for left in (folder, *folder.parent.glob(f".tmp-{folder.name}-*")):
                    shutil.rmtree(left, ignore_errors=True)
                sealed_directory.build(folder, build)
    except OSError as error:
        raise cache_error(folder.parent, error) from error
    return folder


def cache_error(cache: Path, error: OSError) -> StorageError:
    """Return the error for a cache to which the system does not let us write."""
    return StorageError(
        f"the cache `{cache}` must be writable, but is not ({error.strerror or error}); free space, or set "
        "NEXTWORD_CACHE to another folder"
    )


def _is_sound(folder: Path) -> bool:
    try:
        sealed_directory.verify(folder)
    except StorageError:
        return False
    return True
