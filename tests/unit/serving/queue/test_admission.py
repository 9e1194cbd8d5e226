"""First come, first served, with a bounded queue."""

import asyncio
from typing import Any

import pytest

from nextword.serving.http.errors import ApiError
from nextword.serving.queue.admission import Admission, unless_left
from nextword.serving.settings import ServingSettings
from support.waiting import run_async


def admission_of(**changes: Any) -> Admission:
    return Admission(ServingSettings(**{"max_active": 2, "queue_length": 2, "queue_seconds": 30.0, **changes}))


class Holder:
    """Holds slots until it is told to leave."""

    def __init__(self, admission: Admission, num_texts: int = 1, log: list[str] | None = None, name: str = "") -> None:
        self.leave = asyncio.Event()
        self.entered = asyncio.Event()
        self.task = asyncio.ensure_future(self._hold(admission, num_texts, log, name))

    async def _hold(self, admission: Admission, num_texts: int, log: list[str] | None, name: str) -> None:
        async with admission.slots(num_texts):
            if log is not None:
                log.append(name)
            self.entered.set()
            await self.leave.wait()

    async def end(self) -> None:
        self.leave.set()
        await self.task


async def turn() -> None:
    """Let all tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_slots_are_given_in_the_order_of_arrival() -> None:
    async def story() -> list[str]:
        admission, log = admission_of(max_active=2, queue_length=9), list[str]()
        holders = []
        for name, num_texts in (("a", 1), ("b", 1), ("big", 2), ("c", 1)):
            holders.append(Holder(admission, num_texts, log, name))
            await turn()
        assert (admission.num_active, admission.num_waiting) == (2, 2)
        await holders[1].end()
        await turn()
        assert log == ["a", "b"]  # one slot is free, but the big one is the first in the queue
        await holders[0].end()
        await turn()
        assert log == ["a", "b", "big"]
        for holder in holders[2:]:
            await turn()
            await holder.end()
        assert (admission.num_active, admission.num_waiting, admission.num_rejected) == (0, 0, 0)
        return log

    assert run_async(story) == ["a", "b", "big", "c"]


def test_a_full_queue_refuses_at_once() -> None:
    async def story() -> None:
        admission = admission_of(max_active=1, queue_length=1, queue_seconds=7.0)
        holders = [Holder(admission), Holder(admission)]
        await turn()
        with pytest.raises(ApiError, match="busy") as caught:
            async with admission.slots():
                pytest.fail("there is no slot")
        assert caught.value.status == 429
        assert caught.value.headers == {"Retry-After": "7"}
        assert admission.num_rejected == 1
        for holder in holders:
            await holder.end()

    run_async(story)


def test_a_wait_is_bounded() -> None:
    async def story() -> None:
        admission = admission_of(max_active=1, queue_seconds=0.02)
        holder = Holder(admission)
        await turn()
        with pytest.raises(ApiError, match="waited"):
            async with admission.slots():
                pytest.fail("there is no slot")
        assert (admission.num_waiting, admission.num_rejected, admission.num_active) == (0, 1, 1)
        await holder.end()
        assert admission.num_active == 0

    run_async(story)


def test_more_texts_than_slots_take_all_slots() -> None:
    async def story() -> None:
        admission = admission_of(max_active=2)
        async with admission.slots(50):
            assert admission.num_active == 2
        assert admission.num_active == 0

    run_async(story)


def test_who_leaves_gives_back_at_once() -> None:
    async def story() -> None:
        admission = admission_of(max_active=1, queue_length=5)
        holders = [Holder(admission) for _ in range(4)]
        await turn()
        for gone in (holders[2], holders[0]):  # one that waits and one that runs
            gone.task.cancel()
            await turn()
        assert (admission.num_active, admission.num_waiting, admission.num_cancelled) == (1, 1, 2)
        await holders[1].end()
        await turn()
        await holders[3].end()
        assert admission.num_active == 0

    run_async(story)


def test_a_slot_is_not_lost_if_it_is_given_while_the_client_leaves() -> None:
    async def story() -> None:
        admission = admission_of(max_active=1)
        holders = [Holder(admission), Holder(admission)]
        await turn()
        holders[0].leave.set()
        await asyncio.sleep(0)  # the slot is given to the second in this turn
        holders[1].task.cancel()
        await asyncio.gather(*(holder.task for holder in holders), return_exceptions=True)
        assert admission.num_active == 0
        async with admission.slots():
            pass

    for _ in range(20):
        run_async(story)


def test_after_closing_nobody_enters() -> None:
    async def story() -> None:
        admission = admission_of(max_active=1)
        running, waiting = Holder(admission), Holder(admission)
        await turn()
        admission.close()
        with pytest.raises(ApiError, match="ends"):
            await waiting.task
        with pytest.raises(ApiError) as caught:
            async with admission.slots():
                pytest.fail("it is closed")
        assert caught.value.status == 503
        await running.end()
        assert (admission.num_active, admission.num_waiting) == (0, 0)

    run_async(story)


def test_work_ends_when_the_client_leaves() -> None:
    async def story() -> None:
        messages: asyncio.Queue[Any] = asyncio.Queue()
        ended = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()

        task = asyncio.ensure_future(unless_left(messages.get, work()))
        await turn()
        messages.put_nowait({"type": "http.request"})
        await turn()
        assert not task.done()
        messages.put_nowait({"type": "http.disconnect"})
        with pytest.raises(ApiError) as caught:
            await task
        assert caught.value.status == 499
        assert ended.is_set()

    run_async(story)


def test_a_request_is_refused_before_it_is_read_only_if_it_would_find_the_queue_full() -> None:
    async def fill() -> list[bool]:
        admission = Admission(ServingSettings(max_active=1, queue_length=1))
        found = [has_room(admission)]
        async with admission.slots():
            found.append(has_room(admission))
            waiting = asyncio.create_task(enter(admission))
            await asyncio.sleep(0)
            found.append(has_room(admission))
        await waiting
        return [*found, has_room(admission)]

    async def enter(admission: Admission) -> None:
        async with admission.slots():
            pass

    def has_room(admission: Admission) -> bool:
        try:
            admission.require_room()
        except ApiError as error:
            return (error.status, error.headers) != (429, {"Retry-After": "5"})
        return True

    assert asyncio.run(fill()) == [True, True, False, True]
