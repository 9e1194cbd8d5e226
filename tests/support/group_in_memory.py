"""Processes of a group as threads of this one: their collective operations meet at a barrier."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SECONDS = 30.0


class InMemory:
    """The collective operations of one of several threads.

    Args:
        process_id: Number of the thread.
        barrier: Where all meet.
        values: What each brings; the same list in all.
    """

    def __init__(self, process_id: int, barrier: threading.Barrier, values: list[Any]) -> None:
        self._process_id, self._barrier, self._values = process_id, barrier, values

    def broadcast(self, data: bytes) -> bytes:
        first: bytes = self._exchange(data)[0]
        return first

    def gather(self, array: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate(self._exchange(array))

    def sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        total: NDArray[np.float32] = np.sum(self._exchange(array), axis=0)
        return total

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._barrier.abort()
            raise

    def _exchange(self, value: Any) -> list[Any]:
        self._values[self._process_id] = value
        self._barrier.wait(_SECONDS)
        values = list(self._values)
        self._barrier.wait(_SECONDS)
        return values


def in_threads[Result](num_processes: int, work: Callable[[int, InMemory], Result]) -> list[Result]:
    """Run `work` in several threads that meet, and return the result of each; the first error is raised."""
    barrier, values = threading.Barrier(num_processes), [None] * num_processes
    with ThreadPoolExecutor(num_processes) as pool:
        collectives = [InMemory(number, barrier, values) for number in range(num_processes)]
        started = [pool.submit(work, number, collective) for number, collective in enumerate(collectives)]
        errors = [error for future in started if (error := future.exception())]
        if errors:
            raise next((error for error in errors if not isinstance(error, threading.BrokenBarrierError)), errors[0])
        return [future.result() for future in started]
