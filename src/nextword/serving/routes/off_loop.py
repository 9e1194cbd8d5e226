"""Keeps long computations off the event loop, where they would hold up all other answers."""

from collections.abc import Callable
from functools import partial

import anyio.to_thread

_LONG = 2000
"""Tokens or scores that take about 10 ms."""


async def off_loop[**P, T](size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a function, called in a thread if it takes long, else at once.

    Args:
        size: Tokens or scores that the function works on.
        function: The function.
        args: Its arguments.
        kwargs: Its named arguments.
    """
    if size <= _LONG:
        return function(*args, **kwargs)
    return await anyio.to_thread.run_sync(partial(function, *args, **kwargs))
