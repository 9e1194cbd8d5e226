"""The cores and the memory that this process may use."""

import ctypes
import gc
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ControlGroup:
    """Limits of a control group and of its parents; `None` if there is no limit."""

    cores: float | None = None  # CPU time per second of wall time, such as 1.5
    memory_bytes: int | None = None  # memory of all processes in the group together
    available_memory_bytes: int | None = None  # what is left of it. Cached files that the system can drop count as free


def read_control_group(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> ControlGroup:
    """Return the limits of the control group (version 2) of this process and of its parents; none outside Linux.

    A container sees its own group as the root. If the path of its group names a folder that it cannot see, only the
    root counts.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ControlGroup()
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    folders = (
        [] if own is None else [folder for folder in (root / own, *(root / own).parents) if root in folder.parents]
    )
    cores, memory, available = [], [], []
    for folder in [*folders, root]:
        quota, period = [*_text(folder, "cpu.max").split(), "", ""][:2]
        if quota.isdigit() and period.isdigit() and int(period):
            cores.append(int(quota) / int(period))
        if (limit := _text(folder, "memory.max")).isdigit():
            memory.append(int(limit))
            available.append(max(0, int(limit) - _unreclaimable(folder)))
    return ControlGroup(
        cores=min(cores, default=None),
        memory_bytes=min(memory, default=None),
        available_memory_bytes=min(available, default=None),
    )


def _unreclaimable(folder: Path) -> int:
    statistics = dict(line.split(" ", 1) for line in _text(folder, "memory.stat").splitlines() if " " in line)
    return int(_text(folder, "memory.current") or 0) - int(statistics.get("inactive_file") or 0)


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


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
    r"""Return the total and the available memory in bytes from the text of Linux's `/proc/meminfo`."""
    values = {name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"^(\w+):\s*(\d+) kB", text, re.MULTILINE)}
    return values.get("MemTotal"), values.get("MemAvailable")


def _read_memory() -> tuple[int | None, int | None]:
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        return parse_meminfo(meminfo.read_text(encoding="ascii"))
    if sys.platform != "win32":  # it has no `sysconf`
        with suppress(ValueError, OSError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    return None, None


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
