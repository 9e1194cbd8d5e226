"""Waiting for another process, with an end."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, patience: float = 240) -> None:
    """Return when `condition` holds; an `AssertionError` after `patience` seconds in which it did not."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
