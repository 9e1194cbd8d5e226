"""A started server, for tests with real clients and sockets."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from nextword.engine.text_model import LoadedModel
from nextword.serving.application import create_application
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.serving_settings import ServingSettings

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
def serving(
    model: LoadedModel, settings: ServingSettings | None = None, *, learns: bool = False, **options: Any
) -> Iterator[Served]:
    """Start a server for a model on a free port, and stop it at the end.

    Args:
        model: The model.
        settings: Bounds of the service.
        learns: Whether a method of the model learns from the text that it reads.
        options: Of `uvicorn.Config`.
    """
    settings = settings or ServingSettings()
    slot = ModelSlot(ServedModel(model, model.bundle, HASH, learns=learns, max_active=settings.max_active))
    application = create_application(slot, settings)
    with running(application, **options) as port:
        yield Served(f"http://127.0.0.1:{port}", port, slot, application)
    slot.current.scheduler.close()


@contextmanager
def running(application: Any, **options: Any) -> Iterator[int]:
    """Run an application under uvicorn in a thread, and yield its port."""
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1, **options
    )
    server = uvicorn.Server(config)
    started = threading.Event()

    async def serve() -> None:
        task = asyncio.ensure_future(server.serve())
        while not (server.started or task.done()):
            await asyncio.sleep(0.005)
        started.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60), "the server did not start"
    assert server.started, "the server did not start; its log says why"
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive(), "the server did not stop"
