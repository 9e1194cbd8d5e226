"""Folders that are built once and checked whenever they are used. The name of each follows from all it depends on.

Each is a sealed directory, built by one process at a time. A damaged folder is built again. All of them together stay
below a limit: a process that adds a folder removes those that were used longest ago.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from nextword.errors import SettingError, StorageError
from nextword.system import sealed_directory
from nextword.system.progress import report_waiting

LIMIT = "NEXTWORD_CACHE_GB"
"""The variable that sets how large the cache may become, in gigabytes of 10^9 bytes."""

_DEFAULT_GB = 20.0
_RECENT_SECONDS = 3600
"""A folder that was used within this time is in use. Who maps its files into memory keeps them even without a name."""

_PATIENT_SECONDS = 1.0  # time after which waiting for another process is reported
_LEFT_SECONDS = 7 * 24 * 3600  # time after which what interrupted work left is removed
_LOCK = ".lock"
_SCRATCH = "gathering"
_KINDS = "text|tokens"
_DERIVED = re.compile(rf"({_KINDS})-[0-9a-f]{{64}}")
_UNFINISHED = re.compile(rf"\.(?:tmp-\.?)?(?:{_KINDS}|samples|compiled|lock|{_SCRATCH})-.+")
_OTHERS = ("samples", "compiled")
"""Folders that the limit leaves alone: samples are small, and JAX limits its compiled programs itself."""


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
    """Return the folder in which the programs of a user keep caches."""
    if system == "darwin":
        return Path.home() / "Library" / "Caches"
    name, default = ("LOCALAPPDATA", "AppData/Local") if system == "win32" else ("XDG_CACHE_HOME", ".cache")
    folder = Path(os.environ.get(name, ""))
    return folder if folder.is_absolute() else Path.home() / default


def cache_limit() -> int:
    """Return how many bytes the cache may have: `NEXTWORD_CACHE_GB`, or 20 GB."""
    variable = os.environ.get(LIMIT) or str(_DEFAULT_GB)
    try:
        limit = int(float(variable) * 10**9)
    except (ValueError, OverflowError):
        limit = 0
    if limit <= 0:
        raise SettingError(f"`{LIMIT}` must be a number of gigabytes above 0, but is {variable!r}")
    return limit


def cache_key(*dependencies: str | int | None) -> str:
    """Return a name, in hexadecimal, for a result that depends on these values and on nothing else."""
    return hashlib.sha256(json.dumps(dependencies).encode("utf-8")).hexdigest()


def cached_folder(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return `folder`; if it is absent or damaged, `build` writes the files into the empty folder that it gets."""
    mark_used(folder)
    if _is_sound(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if not _is_sound(folder):
                for left in (folder, *folder.parent.glob(f".tmp-{folder.name}-*")):
                    shutil.rmtree(left, ignore_errors=True)
                sealed_directory.build(folder, build)
    except OSError as error:
        raise cache_error(folder.parent, error) from error
    trim_cache(folder.parent, cache_limit())
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder within the block; say so if another process has locked it."""
    from filelock import FileLock, Timeout  # slow to import, and rarely needed

    lock = FileLock(_lock_of(folder))
    try:
        lock.acquire(timeout=_PATIENT_SECONDS)
    except Timeout:
        report_waiting("waiting for another process, which prepares the same text")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def cached_content(cache: Path, prefix: str, write: Callable[[Path], None], *key: str | int) -> Path:
    """Return a folder named by its content, since its source has no name that tells it from others; `key` is in it too.

    `write` is always called, and writes the files into the empty folder that it gets.
    """

    def take(empty: Path) -> None:
        for path in written.iterdir():
            path.rename(empty / path.name)

    with scratch_folder(cache, _SCRATCH) as scratch:
        written = scratch / "content"
        written.mkdir()
        write(written)
        content = [part for path in sorted(written.iterdir()) for part in (path.name, _sha256(path))]
        return cached_folder(cache / f"{prefix}-{cache_key(*key, *content)}", take)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Hold an empty folder in `parent`, which is created if necessary. It is removed afterwards.

    Folders of processes that were killed are removed by the next one.
    """
    from filelock import FileLock  # slow to import, and rarely needed

    try:
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / f".lock-{name}"):  # nobody may see a new folder before it is locked
            for left in parent.glob(f".{name}-*"):
                with suppress(OSError):  # in use, or of another user
                    with FileLock(left / _LOCK, timeout=0):
                        pass
                    shutil.rmtree(left)
            scratch = TemporaryDirectory(dir=parent, prefix=f".{name}-", ignore_cleanup_errors=True)
            lock = FileLock(Path(scratch.name, _LOCK), timeout=0)
            lock.acquire()
    except OSError as error:
        raise cache_error(parent, error) from error
    with scratch as folder:
        try:
            yield Path(folder)
        finally:
            lock.release()


def cache_error(cache: Path, error: OSError) -> StorageError:
    """Return the error for a cache to which the system does not let us write."""
    return StorageError(
        f"the cache `{cache}` must be writable, but is not ({error.strerror or error}); free space, or set "
        "NEXTWORD_CACHE to another folder"
    )


class CacheEntry(NamedTuple):
    """A folder of the cache."""

    path: Path  # the folder, or a file that is left over
    kind: str  # the first word of its name, such as `tokens`; `unfinished` for what is being made, or is left over
    num_bytes: int  # the size of its files
    used: float  # when it was used last, in seconds since 1970


def cache_entries(cache: Path) -> list[CacheEntry]:
    """Return what a cache holds, that used longest ago first. Other files and folders there are left out."""
    try:
        paths = list(cache.iterdir()) if cache.is_dir() else []
    except OSError as error:
        raise cache_error(cache, error) from error
    entries = []
    for path in paths:
        with suppress(OSError):  # it is gone, or of another user
            if kind := entry_kind(path.name):
                entries.append(CacheEntry(path, kind, _size(path), path.stat().st_mtime))
    return sorted(entries, key=lambda entry: entry.used)


def entry_kind(name: str) -> str | None:
    """Return what an entry of a cache is, by its name; `None` if it is none of nextword."""
    if derived := _DERIVED.fullmatch(name):
        return derived[1]
    return name if name in _OTHERS else "unfinished" if _UNFINISHED.fullmatch(name) else None


def trim_cache(cache: Path, limit: int) -> None:
    """Remove what interrupted work left a week ago, and the folders used longest ago until the others fit the limit.

    What is in use or locked stays, and texts go last: one that a program had in memory cannot be made again.
    """
    now = time.time()
    entries = cache_entries(cache)
    num_bytes = sum(entry.num_bytes for entry in entries if entry.kind not in ("unfinished", *_OTHERS))
    for entry in sorted(entries, key=lambda entry: entry.kind == "text"):
        age = now - entry.used
        if entry.kind == "unfinished":
            is_removed = age > _LEFT_SECONDS
        else:
            is_removed = num_bytes > limit and age > _RECENT_SECONDS and entry.kind not in _OTHERS
        if is_removed and remove_entry(entry) and entry.kind != "unfinished":
            num_bytes -= entry.num_bytes


def remove_entry(entry: CacheEntry) -> bool:
    """Remove what an entry is about, unless a process has locked it; return whether it was removed."""
    from filelock import FileLock  # slow to import, and rarely needed

    path = entry.path
    locks = [path] if path.is_file() else [path / _LOCK, _lock_of(path)]
    try:
        for lock in locks:
            if lock.is_file():
                with FileLock(lock, timeout=0):
                    lock.unlink(missing_ok=True)  # within the lock: a process that waits for it makes another
        if path.is_dir():
            sealed_directory.remove(path)
    except (OSError, StorageError):
        return False
    return not path.exists()


def mark_used(folder: Path) -> None:
    """Note that a folder is used now, if it is one of a cache."""
    if _DERIVED.fullmatch(folder.name):
        with suppress(OSError):  # it is not there, or of another user
            os.utime(folder)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _is_sound(folder: Path) -> bool:
    try:
        sealed_directory.verify(folder)
    except StorageError:
        return False
    return True
