"""How far the reading of a large text is.

Bytes are read deep within: in files that are unpacked, in digests, in shards. A context variable holds the receiver of
the reports, so the functions in between need no argument for it. Without a receiver nothing is reported.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

_SECONDS = 0.5  # time between two reports of a task. A task that is done earlier is not reported
_SECONDS_OF_A_LINE = 30.0  # time between two lines. A text that is read sooner gets none
_MEGABYTE = 10**6


class ReadingProgress(NamedTuple):
    """How far a task is."""

    doing: str  # the task in words, such as `cutting the text`
    done: int  # bytes of the text that are done
    total: int | None  # all of them; `None` if that is not known yet, as in a packed file

    @property
    def megabytes(self) -> tuple[int, int | None]:
        """What is done, and all of it, in megabytes."""
        return self.done // _MEGABYTE, None if self.total is None else self.total // _MEGABYTE

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is done here, because another process does it."""
        return self.total == 0


Receiver = Callable[[ReadingProgress], object]

_receiver: ContextVar[Receiver | None] = ContextVar("reading_receiver", default=None)


@contextmanager
def reporting_to(receiver: Receiver | None) -> Iterator[None]:
    """Report to a receiver within the block, about twice a second and only of what takes longer."""
    token = _receiver.set(receiver)
    try:
        yield
    finally:
        _receiver.reset(token)


def report_waiting(doing: str) -> None:
    """Report at once that another process does the work."""
    if receiver := _receiver.get():
        receiver(ReadingProgress(doing, 0, 0))


class Task:
    """A task that is reported; `total` is `None` if its bytes are not known."""

    def __init__(self, doing: str, total: int | None) -> None:
        self._doing, self._total = doing, total
        self._done = 0
        self._reported = time.monotonic()
        self._receiver = _receiver.get()

    def advance(self, num_bytes: int) -> None:
        """Count some bytes as done."""
        self._done += num_bytes
        if self._receiver is not None and (now := time.monotonic()) - self._reported >= _SECONDS:
            self._reported = now
            self._receiver(ReadingProgress(self._doing, self._done, self._total))


def reported(blocks: Iterable[bytes], doing: str, total: int | None) -> Iterator[bytes]:
    """Yield blocks, and report how many bytes were taken."""
    task = Task(doing, total)
    for block in blocks:
        yield block
        task.advance(len(block))


class ReadingLines:
    """Prints a line every half a minute, for logs and wherever no line can be updated."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._printed = time.monotonic()

    def report(self, progress: ReadingProgress) -> None:
        """Print a line if it is time for one; that of waiting is printed at once."""
        if progress.is_waiting:
            self._say(progress.doing)
        elif time.monotonic() - self._printed >= _SECONDS_OF_A_LINE:
            self._printed = time.monotonic()
            done, total = progress.megabytes
            of_all = "" if total is None else f" of {total:,}"
            self._say(f"{progress.doing}: {done:,}{of_all} MB")
