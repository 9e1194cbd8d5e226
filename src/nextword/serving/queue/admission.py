"""Admission of requests: how many texts are worked on at once, how many requests wait, and for how long."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.types import Receive

from nextword.serving.http.errors import CLIENT_LEFT, ApiError
from nextword.serving.settings import ServingSettings


@dataclass(eq=False)
class _Waiting:
    """A request in the queue: the slots that it needs, and the future that gives them."""

    num_slots: int
    granted: asyncio.Future[None]


class Admission:
    """Gives the slots of the engine to requests, first come, first served. All methods belong to one event loop.

    A text that the engine works on takes a slot. A request of more texts than there are slots takes all of them, and
    its texts wait for each other.

    Attributes:
        num_active: Slots in use.
        num_rejected: Requests refused since the start, because the queue was full or the wait too long.
        num_cancelled: Requests since the start whose client left before their end.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self._num_slots = settings.max_active
        self._queue_length = settings.queue_length
        self._queue_seconds = settings.queue_seconds
        self._waiting: deque[_Waiting] = deque()
        self._is_closed = False
        self.num_active = 0
        self.num_rejected = 0
        self.num_cancelled = 0

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
