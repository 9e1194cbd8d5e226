"""Waiting for another process or for coroutines, with a timeout."""

import asyncio
import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], bool], *, patience: float = 240) -> None:
    """Wait until `condition` is true; raise an `AssertionError` after `patience` seconds."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def run_async(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a coroutine function in an event loop of its own, for 60 seconds at most."""

    async def limited() -> Any:
        async with asyncio.timeout(60):
            return await function(*arguments)

    return asyncio.run(limited())
