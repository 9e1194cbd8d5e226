"""A started server, for tests with real clients and sockets."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from nextword.engine.text_model import LoadedModel
from nextword.serving.application import create_application
from nextword.serving.http.transport import TransportConfig
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.server import bind
from nextword.serving.settings import ServingSettings

HASH = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Served:
    """A server in a thread of this process.

    Attributes:
        url: Where it listens, such as `http://127.0.0.1:41234`.
        port: Its port.
        slot: Its models.
        application: Its application; the admission is `application.state.admission`.
    """

    url: str
    port: int
    slot: ModelSlot
    application: FastAPI

    @property
    def admission(self) -> Any:
        return self.application.state.admission

    @property
    def scheduler(self) -> Any:
        return self.slot.current.scheduler


@contextmanager
def serving(model: LoadedModel, settings: ServingSettings | None = None, *, learns: bool = False) -> Iterator[Served]:
    """Start the whole service for a model on a free port of this machine, and stop it at the end.

    Args:
        model: The model.
        settings: Bounds of the service.
        learns: Whether a method of the model learns from the text that it reads.
    """
    settings = settings or ServingSettings()
    slot = ModelSlot(ServedModel(model, model.bundle, HASH, learns=learns, max_active=settings.max_active))
    application = create_application(slot, settings)
    try:
        with running(TransportConfig(application, settings)) as port:
            yield Served(f"http://127.0.0.1:{port}", port, slot, application)
    finally:
        slot.close()


@contextmanager
def running(config: uvicorn.Config) -> Iterator[int]:
    """Run a server in a thread, and yield its port."""
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    listener = bind("127.0.0.1", 0)
    started = threading.Event()

    async def serve() -> None:
        task = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not (server.started or task.done()):
            await asyncio.sleep(0.005)
        listener.listen(1024)  # as `Server` does: the system turns nobody away
        started.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60), "the server did not start"
    assert server.started, "the server did not start; its log says why"
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive(), "the server did not stop"


def post(served: Served, body: Any) -> tuple[int, Any, Any]:
    """Return status, headers and content of an answer to a JSON value, or to bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{served.url}/v1/completions", data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.loads(error.read())
