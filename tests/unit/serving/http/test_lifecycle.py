"""The stages of the service: what is answered in each, and how the requests in work end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nextword.serving.http.errors import ApiError
from nextword.serving.http.lifecycle import Lifecycle, Stage
from nextword.serving.http.reply import Reply


async def swallow(_message: Any) -> None:
    """Send to nobody."""


def start() -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": []}


def played(scene: Callable[[Lifecycle], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Lifecycle("ready")), 60)

    asyncio.run(play())


@pytest.mark.parametrize("stage", ["loading", "draining"])
def test_requests_are_refused_unless_the_service_is_ready(stage: Stage) -> None:
    with pytest.raises(ApiError) as refused:
        Lifecycle(stage).require_ready()
    assert (refused.value.status_code, refused.value.code) == (503, stage)
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"]
    Lifecycle("ready").require_ready()


def test_requests_in_work_are_counted_and_awaited() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        end = asyncio.Event()

        async def work() -> None:
            await end.wait()

        running = [asyncio.ensure_future(lifecycle.run(work(), Reply(swallow))) for _ in range(3)]
        await asyncio.sleep(0)
        assert lifecycle.num_running == 3
        assert not await lifecycle.idle(0.01)
        end.set()
        assert await lifecycle.idle(60)
        await asyncio.gather(*running)
        assert lifecycle.num_running == 0

    played(scene)


def test_a_failure_of_the_work_reaches_the_caller() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        async def work() -> None:
            raise ValueError("of the work")

        with pytest.raises(ValueError, match="of the work"):
            await lifecycle.run(work(), Reply(swallow))
        assert lifecycle.num_running == 0

    played(scene)


def test_a_cut_ends_replies_and_cancels_their_work() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        cancelled = []

        async def work(reply: Reply, *, begins: bool) -> None:
            try:
                if begins:
                    await reply.send(start())
                await asyncio.Event().wait()
            finally:
                cancelled.append(True)

        replies = [Reply(swallow), Reply(swallow)]
        running = [
            asyncio.ensure_future(lifecycle.run(work(reply, begins=bool(number)), reply))
            for number, reply in enumerate(replies)
        ]
        while replies[1].status != 200:
            await asyncio.sleep(0)
        lifecycle.cut()
        assert await lifecycle.idle(60)
        await asyncio.gather(*running)
        await asyncio.sleep(0)
        assert cancelled == [True, True]
        assert (replies[0].status, replies[0].is_complete) == (503, True)
        assert (replies[1].status, replies[1].is_complete) == (200, False)

    played(scene)


def test_work_that_cannot_be_cancelled_does_not_hold_up_the_end() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        end = asyncio.Event()

        async def stubborn() -> None:
            while not end.is_set():
                try:
                    await end.wait()
                except asyncio.CancelledError:
                    continue

        reply = Reply(swallow)
        running = asyncio.ensure_future(lifecycle.run(stubborn(), reply))
        await asyncio.sleep(0)
        lifecycle.cut()
        assert await lifecycle.idle(60)
        assert reply.status == 503
        await running
        end.set()
        await asyncio.sleep(0)

    played(scene)
