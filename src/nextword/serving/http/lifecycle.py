"""What the service does now: it loads its model, answers, or drains. Requests in work are known here."""

import asyncio
from collections.abc import Awaitable
from typing import Literal

from nextword.serving.http.errors import ApiError

HEALTH_PATHS = frozenset(("/livez", "/readyz", "/health", "/metrics"))
"""Paths that are answered while the service loads or drains."""

Stage = Literal["loading", "ready", "draining"]

_REASONS: dict[Stage, str] = {
    "loading": "the service still loads its model; try again in a moment",
    "draining": "the service ends and takes no new requests; send the request to another one",
}


class Lifecycle:
    """The stage of the service, and the requests in work. All methods belong to one event loop.

    Args:
        stage: What the service does at first.

    Attributes:
        stage: What the service does now.
        num_running: Requests in work, without those of `HEALTH_PATHS`.
    """

    def __init__(self, stage: Stage = "loading") -> None:
        self.stage: Stage = stage
        self.num_running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._cut: asyncio.Future[None] | None = None
        self._left_behind: set[asyncio.Future[None]] = set()

    def require_ready(self) -> None:
        """Refuse a request while the service loads or drains.

        Raises:
            ApiError: It does (503).
        """
        if self.stage != "ready":
            raise _refusal(self.stage)

    async def run(self, work: Awaitable[None]) -> None:
        """Run the work for a request to its end, or to `cut`.

        Raises:
            ApiError: It was cut (503).
        """
        task = asyncio.ensure_future(work)
        if self._cut is None:
            self._cut = asyncio.get_running_loop().create_future()
        self.num_running += 1
        self._idle.clear()
        try:
            await asyncio.wait((task, self._cut), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _refusal("draining")
            task.result()
        finally:
            if not task.done():
                self._left_behind.add(task)  # work in a thread ends in its own time
                task.add_done_callback(self._left_behind.discard)
                task.cancel()
            self.num_running -= 1
            if self.num_running == 0:
                self._idle.set()

    def drain(self) -> None:
        """Refuse new requests from now on."""
        self.stage = "draining"

    async def idle(self, seconds: float) -> bool:
        """Wait until no request is in work, and return whether that came about in time."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def cut(self) -> None:
        """End the answers in work: each with an error, and a stream with an error event."""
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(None)


def _refusal(stage: Stage) -> ApiError:
    return ApiError(503, _REASONS[stage], code=stage, headers={"Retry-After": "1", "Connection": "close"})
