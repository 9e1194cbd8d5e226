"""The cores and the memory that this process may use."""

import ctypes
import gc
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_VM_STAT = "/usr/bin/vm_stat"


@dataclass(frozen=True, kw_only=True)
class ControlGroup:
    """Limits of a control group and of its parents; `None` if there is no limit."""

    cores: float | None = None  # CPU time per second of wall time, such as 1.5
    memory_bytes: int | None = None  # memory of all processes in the group together
    available_memory_bytes: int | None = None  # what is left of it. Cached files that the system can drop count as free


def read_control_group(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> ControlGroup:
    """Return the limits of the control group of this process, version 1 or 2. Outside Linux there are none."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ControlGroup()
    cores, memory, available = [], [], []
    for folder in (folder for line in lines for folder in _folders(line, root)):
        quota = _quota(folder)
        limit = _number(folder, "memory.max") or _number(folder, "memory.limit_in_bytes")
        if quota is not None:
            cores.append(quota)
        # Version 1 writes "no limit" as the largest number of pages.
        if limit is not None and limit < 2**60:
            memory.append(limit)
            available.append(max(0, limit - _unreclaimable(folder)))
    return ControlGroup(
        cores=min(cores, default=None),
        memory_bytes=min(memory, default=None),
        available_memory_bytes=min(available, default=None),
    )


def _folders(line: str, root: Path) -> Iterator[Path]:
    """Return the folders of a line `id:controllers:path`, from the group itself up to the root.

    A container sees its own group as the root. If its path names a folder that it cannot see, only the
    root counts.
    """
    _, controllers, path = line.split(":", 2)
    mounts = [root / name for name in controllers.split(",")] if controllers else [root, root / "unified"]
    for mount in mounts:
        inside = mount / path.lstrip("/")
        yield from (folder for folder in (inside, *inside.parents) if folder.is_relative_to(mount))


def _quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        quota, period = (str(_number(folder, f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _unreclaimable(folder: Path) -> int:
    used = _number(folder, "memory.current") or _number(folder, "memory.usage_in_bytes") or 0
    try:
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return used
    statistics = dict(line.split(" ", 1) for line in lines if " " in line)
    return used - int(statistics.get("total_inactive_file") or statistics.get("inactive_file") or 0)


def _number(folder: Path, name: str) -> int | None:
    try:
        return int((folder / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Cores and memory that this process may use."""

    cores: int  # cores that this process may run on
    machine_cores: int
    core_quota: float | None = None  # CPU time per second of wall time for its control group; `None`: not limited
    load: float | None = None  # processes that ran or waited for a core, averaged over the last minute
    memory_bytes: int | None = None  # memory of the machine, or the limit of the control group; `None` if unknown
    available_memory_bytes: int | None = None  # memory that is available now; `None` if unknown


def count_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_capacity() -> Capacity:
    """Return the cores and the memory that this process may use."""
    group = read_control_group()
    memory, available = _read_memory()
    return Capacity(
        cores=count_cores(),
        machine_cores=os.cpu_count() or 1,
        core_quota=group.cores,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        memory_bytes=_smallest((memory, group.memory_bytes)),
        available_memory_bytes=_smallest((available, group.available_memory_bytes)),
    )


def parse_meminfo(text: str) -> tuple[int | None, int | None]:
    r"""Return the total and the available memory in bytes from the text of Linux's `/proc/meminfo`.

    Example:
        >>> parse_meminfo("MemTotal: 8 kB\nMemAvailable: 5 kB")
        (8192, 5120)
    """
    values = {name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"^(\w+):\s*(\d+) kB", text, re.MULTILINE)}
    return values.get("MemTotal"), values.get("MemAvailable")


def parse_vm_stat(text: str) -> int | None:
    r"""Return the available memory in bytes from the output of macOS's `vm_stat`: free and inactive pages.

    Example:
        >>> parse_vm_stat("(page size of 16384 bytes)\nPages free:   2.\nPages inactive:   3.")
        81920
    """
    page = re.search(r"page size of (\d+) bytes", text)
    pages = re.findall(r"^Pages (?:free|inactive):\s*(\d+)", text, re.MULTILINE)
    return int(page[1]) * sum(map(int, pages)) if page and pages else None


def _read_memory() -> tuple[int | None, int | None]:
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        return parse_meminfo(meminfo.read_text(encoding="ascii"))
    available = None
    if shutil.which(_VM_STAT):
        available = parse_vm_stat(subprocess.run([_VM_STAT], capture_output=True, text=True, check=False).stdout)
    if not hasattr(os, "sysconf"):  # Windows
        return None, available
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), available
    except (ValueError, OSError):
        return None, available


def _smallest(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def share_one_heap() -> None:
    """Let all threads that start from now on take memory from one heap, so that what one frees serves the others.

    Nothing changes if the allocator is not glibc's.

    Source:
        mallopt(3).
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def return_freed_memory() -> None:
    """Give the memory of what nobody refers to back to the system, which glibc would keep.

    Source:
        malloc_trim(3).
    """
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
