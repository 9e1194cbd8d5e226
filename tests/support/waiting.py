"""Waiting for another process, with a timeout."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, patience: float = 240) -> None:
    """Wait until `condition` is true; raise an `AssertionError` after `patience` seconds."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
