"""Admission of requests: how many texts are worked on at once, how many requests wait, for how long, and in which turn.

A request that computes for long lets the others go first, so that none holds a thread.
"""

import asyncio
import threading
from asyncio import CancelledError
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import override

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from starlette.types import Receive

from nextword.engine.distribution_engine import OuterEngine
from nextword.engine.engine import Engine, State, TokenScores, WindowPrediction
from nextword.serving.http.errors import CLIENT_LEFT, ApiError
from nextword.serving.settings import ServingSettings
from nextword.text.batching.window import TokenIds


@dataclass(eq=False)
class _Waiting:
    """A request in the queue: the slots that it needs, and the future that gives them."""

    num_slots: int
    granted: asyncio.Future[None]


class Admission:
    """Gives the slots of the engine to requests, first come, first served. All methods belong to one event loop.

    A text that the engine works on takes a slot. A request of more texts than there are slots takes all of them, and
    its texts wait for each other.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self._num_slots = settings.max_active
        self._queue_length = settings.queue_length
        self._queue_seconds = settings.queue_seconds
        self._waiting: deque[_Waiting] = deque()
        self._is_closed = False
        self.num_active = 0  # slots in use
        self.num_rejected = 0  # requests refused since the start, because the queue was full or the wait too long
        self.num_cancelled = 0  # requests since the start whose client left before their end

    @property
    def num_waiting(self) -> int:
        """Requests that wait for slots."""
        return len(self._waiting)

    def close(self) -> None:
        """Refuse new requests and those that wait; the running ones keep their slots."""
        self._is_closed = True
        for waiting in self._waiting:
            if not waiting.granted.done():
                waiting.granted.set_exception(_closed_error())
        self._waiting.clear()

    def require_room(self) -> None:
        """Refuse a request that would find the queue full, before its body is read and checked."""
        is_busy = self._waiting or self.num_active >= self._num_slots
        if is_busy and len(self._waiting) >= self._queue_length:
            raise self._rejection(f"{len(self._waiting)} requests wait already")

    @asynccontextmanager
    async def slots(self, num_texts: int = 1) -> AsyncIterator[None]:
        """Hold slots for a number of texts; leaving the block gives them back.

        Raises:
            ApiError: The queue is full or the wait too long (429), or the service ends (503).
        """
        num_slots = min(num_texts, self._num_slots)
        await self._acquire(num_slots)
        try:
            yield
        except asyncio.CancelledError:
            self.num_cancelled += 1
            raise
        finally:
            self.num_active -= num_slots
            self._grant()

    async def run[T](self, request: Request, work: Callable[[], Awaitable[T]], *, num_texts: int = 1) -> T:
        """Return the result of `work`, called with slots in hand. It is cancelled as soon as the client leaves.

        Raises:
            ApiError: The queue is full or the wait too long (429), the service ends (503), or the client left (499).
        """

        async def admitted() -> T:
            async with self.slots(num_texts):
                return await work()

        return await unless_left(request.receive, admitted())

    async def _acquire(self, num_slots: int) -> None:
        if self._is_closed:
            raise _closed_error()
        if not self._waiting and self.num_active + num_slots <= self._num_slots:
            self.num_active += num_slots
            return
        if len(self._waiting) >= self._queue_length:
            raise self._rejection(f"{len(self._waiting)} requests wait already")
        waiting = _Waiting(num_slots, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self._queue_seconds):
                await waiting.granted
        except TimeoutError:
            self._abandon(waiting)
            raise self._rejection(f"it waited {self._queue_seconds:g} s for a free slot") from None
        except asyncio.CancelledError:
            self._abandon(waiting)
            self.num_cancelled += 1
            raise

    def _abandon(self, waiting: _Waiting) -> None:
        """Take a request out of the queue, or give back the slots that it got at the last moment."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        elif waiting.granted.done() and not waiting.granted.cancelled() and waiting.granted.exception() is None:
            self.num_active -= waiting.num_slots
        self._grant()

    def _grant(self) -> None:
        while self._waiting and self.num_active + self._waiting[0].num_slots <= self._num_slots:
            waiting = self._waiting.popleft()
            if not waiting.granted.done():
                self.num_active += waiting.num_slots
                waiting.granted.set_result(None)

    def _rejection(self, why: str) -> ApiError:
        self.num_rejected += 1
        seconds = max(1, round(self._queue_seconds))
        return ApiError(
            429,
            f"the service is busy, and the request is refused because {why}; try again in {seconds} s",
            code="overloaded",
            headers={"Retry-After": str(seconds)},
        )


async def unless_left[T](receive: Receive, work: Awaitable[T]) -> T:
    """Return the result of `work`, or cancel it as soon as the client leaves."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ApiError(CLIENT_LEFT, "the client left before the answer", code="client_left")
        return task.result()
    finally:
        watch.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))


async def _left(receive: Receive) -> None:
    """Return when the client leaves; its body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _closed_error() -> ApiError:
    return ApiError(503, "the service ends and takes no new requests; send the request to another one", code="closing")


class Turns:
    """Lets a few threads work at once, first come, first served.

    A thread that has read `tokens` tokens in its turn goes to the end of the queue if others wait.
    """

    def __init__(self, num_threads: int, tokens: int) -> None:
        self._num_free = num_threads
        self._tokens = tokens
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._own = threading.local()

    @contextmanager
    def taken(self, is_left: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Wait for a turn, and work in the block.

        If `is_left` says that nobody waits for the result any more, the block ends at its next count.

        Raises:
            CancelledError: Nobody does.
        """
        self._begin()
        self._own.is_left = is_left
        try:
            self.count(0)
            yield
        finally:
            del self._own.read
            self._end()

    def count(self, num_tokens: int) -> None:
        """Count tokens that this thread is about to read; at the end of its turn it waits for the next one.

        Raises:
            CancelledError: Nobody waits for the result any more.
        """
        read = getattr(self._own, "read", None)
        if read is None:  # a thread that takes no turns, such as that of the scheduler
            return
        if self._own.is_left():
            raise CancelledError
        if read >= self._tokens and self._waiting:
            self._end()
            self._begin()
        self._own.read += num_tokens

    def _begin(self) -> None:
        with self._lock:
            granted = None if self._num_free else threading.Event()
            if granted is None:
                self._num_free -= 1
            else:
                self._waiting.append(granted)
        if granted is not None:
            granted.wait()
        self._own.read = 0

    def _end(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._num_free += 1


class TurnsEngine(OuterEngine):
    """An engine whose callers take turns."""

    def __init__(self, engine: Engine, turns: Turns) -> None:
        super().__init__(engine)
        self._turns = turns

    @override
    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        self._turns.count(len(ids))
        return self._engine.step(ids, state)

    @override
    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self._turns.count(inputs.size)
        return self._engine.predict_window(inputs, state)

    @override
    def score_window(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool = True
    ) -> tuple[TokenScores, State]:
        self._turns.count(inputs.size)
        return self._engine.score_window(inputs, targets, state, ranks=ranks)
