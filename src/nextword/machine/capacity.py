"""How many cores and how much memory this process may use."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nextword.machine.control_group import read_control_group

_VM_STAT = "/usr/bin/vm_stat"


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Cores and memory within reach.

    Attributes:
        cores: Cores that this process may run on.
        machine_cores: Cores of the machine.
        core_quota: Cores' worth of time that its control group may use, where that is limited.
        load: Processes that wanted a core, on average over the last minute; `None` where that cannot be told.
        memory_bytes: Memory of the machine, or the limit of the control group; `None` where it cannot be told.
        available_memory_bytes: What of it can be had now; `None` where it cannot be told.
    """

    cores: int
    machine_cores: int
    core_quota: float | None = None
    load: float | None = None
    memory_bytes: int | None = None
    available_memory_bytes: int | None = None


def read_capacity() -> Capacity:
    """Return what this process may use here."""
    group = read_control_group()
    memory, available = _read_memory()
    machine_cores = os.cpu_count() or 1
    return Capacity(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine_cores,
        machine_cores=machine_cores,
        core_quota=group.cores,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        memory_bytes=_smallest((memory, group.memory_bytes)),
        available_memory_bytes=_smallest((available, group.available_memory_bytes)),
    )


def parse_meminfo(text: str) -> tuple[int | None, int | None]:
    r"""Return the bytes of memory, and the available ones, that Linux's `/proc/meminfo` tells.

    Example:
        >>> parse_meminfo("MemTotal: 8 kB\nMemAvailable: 5 kB")
        (8192, 5120)
    """
    values = {name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"^(\w+):\s*(\d+) kB", text, re.MULTILINE)}
    return values.get("MemTotal"), values.get("MemAvailable")


def parse_vm_stat(text: str) -> int | None:
    r"""Return the available bytes that macOS's `vm_stat` tells: free pages, and those not used for a while.

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
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), available
    except (AttributeError, ValueError, OSError):
        return None, available


def _smallest(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
