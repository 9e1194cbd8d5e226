"""The stages of the service: what is answered in each, and how the requests in work end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nextword.serving.http.errors import ApiError
from nextword.serving.http.service import Lifecycle, Stage


def played(scene: Callable[[Lifecycle], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Lifecycle("ready")), 60)

    asyncio.run(play())


@pytest.mark.parametrize("stage", ["loading", "draining"])
def test_requests_are_refused_unless_the_service_is_ready(stage: Stage) -> None:
    with pytest.raises(ApiError) as refused:
        Lifecycle(stage).require_ready()
    assert (refused.value.status, refused.value.code) == (503, stage)
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"]
    Lifecycle("ready").require_ready()


def test_requests_in_work_are_counted_and_awaited() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        end = asyncio.Event()

        async def work() -> None:
            await end.wait()

        running = [asyncio.ensure_future(lifecycle.run(work())) for _ in range(3)]
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
            await lifecycle.run(work())
        assert lifecycle.num_running == 0

    played(scene)


def test_a_cut_ends_the_work_even_if_it_cannot_be_cancelled() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        end, cancelled = asyncio.Event(), []

        async def stubborn() -> None:
            while not end.is_set():
                try:
                    await end.wait()
                except asyncio.CancelledError:
                    cancelled.append(True)

        running = [asyncio.ensure_future(lifecycle.run(stubborn())) for _ in range(2)]
        await asyncio.sleep(0)
        lifecycle.cut()
        assert await lifecycle.idle(60)
        errors = await asyncio.gather(*running, return_exceptions=True)
        assert [isinstance(error, ApiError) and error.code for error in errors] == ["draining"] * 2
        assert cancelled == [True, True]
        end.set()
        await asyncio.sleep(0)

    played(scene)
