"""An application behind the transport of the service, in a thread of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from nextword.serving.http.errors import ApiError
from nextword.serving.http.transport import OnRefused
from nextword.serving.server import bind, transport_config
from nextword.serving.settings import ServingSettings
from support.waiting import wait_until


@dataclass
class RunningServer:
    """A server in a thread.

    Attributes:
        port: Where it listens.
        server: uvicorn's server.
        refused: Codes of what its transport refused.
    """

    port: int
    server: uvicorn.Server
    refused: list[str] = field(default_factory=list)

    @property
    def num_connections(self) -> int:
        """Connections that are open."""
        return len(self.server.server_state.connections)


@contextmanager
def running(
    application: Any, settings: ServingSettings | None = None, *, on_refused: OnRefused = lambda _refusal, _client: None
) -> Iterator[RunningServer]:
    """Run an application until the block ends."""
    listener = bind("127.0.0.1", 0)
    refused: list[str] = []

    def record(refusal: ApiError, client: str) -> None:
        refused.append(str(refusal.code))
        on_refused(refusal, client)

    config = transport_config(application, settings or ServingSettings(), record)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    assert server.started, "the server did not start; its log says why"
    listener.listen(1024)  # as `Server` does: the system turns nobody away
    try:
        yield RunningServer(listener.getsockname()[1], server, refused)
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        assert not thread.is_alive()
