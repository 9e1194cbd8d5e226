"""Lines that tell how far the reading of a large text is, for logs and wherever no line can be updated."""

import time

from rich.console import Console

from nextword.text.reading.progress import ReadingProgress

_SECONDS = 30.0
"""Time between two lines. A text that is read sooner gets none."""

_MEGABYTE = 10**6


class ReadingLines:
    """Prints a line every half a minute.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = time.monotonic()

    def report(self, progress: ReadingProgress) -> None:
        """Print a line if it is time for one."""
        if time.monotonic() - self._printed >= _SECONDS:
            self._printed = time.monotonic()
            done, total = megabytes(progress)
            of_all = "" if total is None else f" of {total:,}"
            self._console.print(f"{progress.doing}: {done:,}{of_all} MB")


def megabytes(progress: ReadingProgress) -> tuple[int, int | None]:
    """Return what is done, and all of it, in megabytes.

    Example:
        >>> megabytes(ReadingProgress("cutting the text", 33_554_432, 4_294_967_296))
        (33, 4294)
    """
    return progress.done // _MEGABYTE, None if progress.total is None else progress.total // _MEGABYTE
