"""What Linux lets this process use: the limits of its control group, as containers and batch systems set them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ControlGroup:
    """Limits of a control group and of all that stand above it; `None` where there is no limit.

    Attributes:
        cores: Cores' worth of time, whole or not.
        memory_bytes: Memory of all processes in the group together.
        available_memory_bytes: What is left of it, files that can be dropped counted as free.
    """

    cores: float | None = None
    memory_bytes: int | None = None
    available_memory_bytes: int | None = None


def read_control_group(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> ControlGroup:
    """Return the limits of the group that this process is in, of version 1 or 2; no limits outside Linux."""
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

    A container sees its own group as the root, and may be told a path that it cannot see: then the root is left.
    """
    _, controllers, path = line.split(":", 2)
    mounts = [root / name for name in controllers.split(",")] if controllers else [root, root / "unified"]
    for mount in mounts:
        inside = mount / path.lstrip("/")
        yield from (folder for folder in (inside, *inside.parents) if folder.is_relative_to(mount))


def _quota(folder: Path) -> float | None:
    """Return the cores' worth of time that a group may use in each period."""
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
