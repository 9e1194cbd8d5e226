"""Resident memory of a process and all that it has started, from `/proc`."""

import threading
import time
from pathlib import Path
from typing import NamedTuple, Self

_INTERVAL_S = 0.05


class Resident(NamedTuple):
    """Resident memory in bytes.

    Attributes:
        whole: All of it, with the pages that a process shares.
        own: Without pages of files that are mapped; the system takes those back when memory is short.
    """

    whole: int
    own: int


class Look(NamedTuple):
    """What was resident at a time by `time.monotonic`."""

    time: float
    resident: Resident


def resident(process: int) -> Resident:
    """Return the resident memory of a process and of its descendants."""
    whole, own, seen, waiting = 0, 0, set[int](), [process]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        try:
            current_whole, current_own = _resident(current)
            whole, own = whole + current_whole, own + current_own
            for children in Path(f"/proc/{current}/task").glob("*/children"):
                waiting += map(int, children.read_text(encoding="ascii").split())
        except OSError:  # it has ended
            continue
    return Resident(whole, own)


def _resident(process: int) -> Resident:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    fields = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("VmRSS:", "RssFile:")))
    whole, mapped = (int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "RssFile"))
    return Resident(whole, whole - mapped)


class PeakMemory:
    """Watches a process and its descendants while the block runs."""

    def __init__(self, process: int) -> None:
        self.looks: list[Look] = []
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def peak_bytes(self) -> int:
        """The highest resident memory of all looks."""
        return max((look.resident.whole for look in self.looks), default=0)

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL_S):
            self.looks.append(Look(time.monotonic(), resident(self._process)))
