"""The work of a route is admitted, runs beside the event loop, and names the model."""

import asyncio
import threading
from typing import Any

import httpx2
from fastapi import APIRouter

from nextword.serving.application import create_application
from nextword.serving.routes.work import Answer, Work, origin_of
from nextword.serving.served_model import ModelSlot
from nextword.serving.settings import ServingSettings
from support.text_service import tiny_model


def _with_route(work_of: Any, settings: ServingSettings | None = None) -> tuple[Any, ModelSlot]:
    """Return an application with a route that does some work, and its slot."""
    slot = ModelSlot(tiny_model(name="first"))
    application = create_application(slot, settings)
    router = APIRouter()

    @router.post("/work")
    async def route(work: Work) -> Answer:
        """Do the work."""

        def answer(served: Any) -> Answer:
            work_of(work, served)
            return Answer(**origin_of(served))

        return await work.run(answer)

    application.include_router(router)
    return application, slot


def _client(application: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url="http://localhost")


def test_work_runs_in_another_thread_and_the_answer_names_the_model() -> None:
    threads: list[int] = []
    application, slot = _with_route(lambda _work, _served: threads.append(threading.get_ident()))

    async def run() -> Any:
        async with _client(application) as client:
            return await client.post("/work")

    answer = asyncio.run(run())
    assert threads != [threading.get_ident()]
    assert answer.headers["X-Model-Hash"] == slot.current.hash
    assert answer.json() == {"model": "first", "system_fingerprint": slot.current.fingerprint}
    slot.close()


def test_too_many_requests_are_refused() -> None:
    entered, released = threading.Event(), threading.Event()

    def hold(_work: Any, _served: Any) -> None:
        entered.set()
        assert released.wait(60)

    application, slot = _with_route(hold, ServingSettings(max_active=1, queue_length=0))

    async def run() -> tuple[int, Any]:
        async with _client(application) as client:
            first = asyncio.create_task(client.post("/work"))
            await asyncio.to_thread(entered.wait, 60)
            second = await client.post("/work")
            released.set()
            return (await first).status_code, second

    status, refused = asyncio.run(run())
    assert status == 200
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "overloaded_error")
    assert int(refused.headers["Retry-After"]) >= 1
    slot.close()
