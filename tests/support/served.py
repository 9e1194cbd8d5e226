"""A started server, for tests with real clients and sockets."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from nextword.engine.text_model import LoadedModel
from nextword.serving.application import create_application
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.settings import ServingSettings
from support.running_transport import running

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
def serving(model: LoadedModel, settings: ServingSettings | None = None) -> Iterator[Served]:
    """Start the whole service for a model on a free port of this machine, and stop it at the end.

    Args:
        model: The model.
        settings: Bounds of the service.
    """
    settings = settings or ServingSettings()
    slot = ModelSlot(ServedModel(model, model.bundle, HASH, max_active=settings.max_active))
    application = create_application(slot, settings)
    try:
        with running(application, settings) as server:
            yield Served(f"http://127.0.0.1:{server.port}", server.port, slot, application)
    finally:
        slot.close()


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
