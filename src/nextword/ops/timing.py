"""How long something takes on this machine."""

import time
from collections.abc import Callable


def shortest_seconds(run: Callable[[], object], *, repeats: int = 7) -> float:
    """Return the shortest of `repeats` runs after one that is not counted; the others were held up by something.

    Args:
        run: Does the work, and returns only when it is done.
        repeats: How often it is timed.

    Example:
        >>> 0 < shortest_seconds(lambda: sum(range(1000))) < 1
        True
    """
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
