"""Signs of life of a trial, for the processes that see its folder and not its process."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

BEAT_SECONDS = 10.0
SILENT_SECONDS = 120.0
"""How long a file must be seen unchanged; shared folders may show changes a minute late."""


class Heartbeat:
    """Touches a file every few seconds as long as a block runs, from a thread of its own.

    Args:
        path: The file.
        seconds: Time between two touches.
    """

    def __init__(self, path: Path, seconds: float = BEAT_SECONDS) -> None:
        self._path = path
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._touch()
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._seconds):
            self._touch()

    def _touch(self) -> None:
        with suppress(OSError):  # a full disk stops the training itself, which says so
            self._path.touch()


class SilenceWatch:
    """Tells which files are touched no more, by watching them.

    The clocks of two machines need not agree: what counts is whether a file changes while this machine's own clock
    goes on.

    Args:
        seconds: How long a file must be seen unchanged.
        clock: Returns seconds that never go back.
    """

    def __init__(self, seconds: float = SILENT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[Path, tuple[int, float]] = {}

    def is_silent(self, path: Path) -> bool | None:
        """Return whether a file has fallen silent, or `None` while that cannot be told yet.

        True comes after it was seen unchanged, or absent, for long enough; false where it changed since the last look.
        """
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = 0
        before = self._seen.get(path)
        if before is None or before[0] != changed:
            self._seen[path] = (changed, self._clock())
            return None if before is None else False
        return True if self._clock() - before[1] >= self._seconds else None
