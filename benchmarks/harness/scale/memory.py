"""Resident memory of a process and all that it has started, from `/proc`."""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_INTERVAL_S = 0.05


def resident_bytes(process: int) -> int:
    """Return the resident memory of a process and of its descendants, each with the pages that it shares."""
    total, seen, waiting = 0, set[int](), [process]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        try:
            total += _resident(current)
            for children in Path(f"/proc/{current}/task").glob("*/children"):
                waiting += map(int, children.read_text(encoding="ascii").split())
        except OSError:  # it has ended
            continue
    return total


def _resident(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(line.split()[1]) * 1024


class PeakMemory:
    """Watches a process and its descendants while the block runs.

    Attributes:
        looks: The time of each look in seconds, and the resident memory then.
    """

    def __init__(self, process: int) -> None:
        self.looks: list[tuple[float, int]] = []
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def peak_bytes(self) -> int:
        """Most resident memory at any look."""
        return max((resident for _, resident in self.looks), default=0)

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL_S):
            self.looks.append((time.monotonic(), resident_bytes(self._process)))
