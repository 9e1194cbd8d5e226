"""Typing sessions have a cap, an expiry and an owner."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from nextword.serving.http.errors import ApiError
from nextword.serving.routes.sessions import Sessions, TypingSession
from nextword.serving.settings import ServingSettings
from support.text_service import tiny_model


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(ServingSettings(max_sessions=3, session_seconds=10.0, max_session_words=2), clock)


def begun(sessions: Sessions, owner: str) -> TypingSession:
    session = sessions.begin(owner)
    sessions.keep(session)
    return session


def test_ids_are_long_and_differ(sessions: Sessions) -> None:
    names = {begun(sessions, "owner").name for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) == 24 for name in names)


def test_the_least_recently_used_session_is_dropped(sessions: Sessions) -> None:
    first, second, third = (begun(sessions, "owner") for _ in range(3))
    assert sessions.find(first.name, "owner") is first
    begun(sessions, "owner")
    assert len(sessions) == 3
    assert sessions.find(first.name, "owner") is first
    assert sessions.find(third.name, "owner") is third
    with pytest.raises(ApiError, match="no such session"):
        sessions.find(second.name, "owner")


def test_nobody_crowds_out_the_sessions_of_others(sessions: Sessions) -> None:
    mine = begun(sessions, "mine")
    for _ in range(10):
        begun(sessions, "yours")
    assert sessions.find(mine.name, "mine") is mine
    assert len(sessions) == 3


def test_a_session_expires_without_use(sessions: Sessions, clock: Clock) -> None:
    used, unused = begun(sessions, "owner"), begun(sessions, "owner")
    clock.now = 9.0
    sessions.find(used.name, "owner")
    assert sessions.seconds_left(used) == 10.0
    clock.now = 11.0
    assert sessions.seconds_left(used) == 8.0
    assert len(sessions) == 1
    with pytest.raises(ApiError, match="no such session"):
        sessions.find(unused.name, "owner")


def test_a_session_belongs_to_its_owner(sessions: Sessions) -> None:
    session = begun(sessions, "mine")
    for use in (sessions.find, sessions.end):
        with pytest.raises(ApiError, match="no such session") as caught:
            use(session.name, "yours")
        assert caught.value.status == 404
    sessions.end(session.name, "mine")
    assert len(sessions) == 0


def test_a_service_may_keep_no_sessions() -> None:
    with pytest.raises(ApiError, match="keeps no sessions"):
        Sessions(ServingSettings(max_sessions=0)).begin("owner")


def test_a_session_learns_a_bounded_number_of_words(sessions: Sessions) -> None:
    served, session = tiny_model(), begun(sessions, "owner")
    session.open(served).change_words(learn=["Tolu", "Ifeoma", "Bayo"], forget=["Bayo"])
    assert list(session.learned()) == ["Ifeoma"]
    served.scheduler.close()


def test_another_model_gets_the_words_and_the_former_one_is_freed(sessions: Sessions) -> None:
    first, second = tiny_model(seed=1), tiny_model(seed=2)
    session = begun(sessions, "owner")
    session.open(first).learn("Tolu")
    assert session.open(first) is session.open(first)
    assert list(session.open(second).user_words) == ["Tolu"]
    gone = weakref.ref(first.model)
    first.scheduler.close()
    del first
    sessions.let_go()
    gc.collect()
    assert gone() is None
    assert list(session.learned()) == ["Tolu"]
    second.scheduler.close()


def test_a_model_replaced_during_a_request_is_freed_at_its_end(sessions: Sessions) -> None:
    session = begun(sessions, "owner")

    async def run() -> weakref.ref[Any]:
        model = tiny_model()
        async with session.turn():
            session.open(model).learn("Tolu")
            sessions.let_go()
            assert list(session.learned()) == ["Tolu"]
        model.scheduler.close()
        return weakref.ref(model.model)

    gone = asyncio.run(run())
    gc.collect()
    assert gone() is None
    assert list(session.learned()) == ["Tolu"]


def test_requests_take_turns(sessions: Sessions) -> None:
    session = begun(sessions, "owner")
    order: list[str] = []

    async def use(number: int) -> None:
        async with session.turn():
            order.append(f"begin {number}")
            await asyncio.sleep(0)
            order.append(f"end {number}")

    async def run() -> None:
        await asyncio.gather(*map(use, range(5)))

    asyncio.run(run())
    assert order == [f"{what} {number}" for number in range(5) for what in ("begin", "end")]


def test_few_requests_may_wait_for_their_turn(sessions: Sessions) -> None:
    session = begun(sessions, "owner")
    ended = asyncio.Event()

    async def use() -> None:
        async with session.turn():
            await ended.wait()

    async def run() -> None:
        tasks = [asyncio.create_task(use()) for _ in range(9)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="wait for a session") as caught:
            await use()
        assert caught.value.status == 429
        ended.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
