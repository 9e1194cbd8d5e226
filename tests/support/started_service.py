"""The whole service in a thread of the test: its server, its access rules and its routes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from nextword.serving.served_model import ModelSource
from nextword.serving.server import Server, ServerOptions, bind
from support.waiting import wait_until


@contextmanager
def started_service(path: Path, **options: Any) -> Iterator[str]:
    """Serve the model at a path on a free port; yield the address.

    Args:
        path: The directory of the model.
        options: Options of the server.
    """
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = Server(ModelSource(path), listener, ServerOptions(port=port, **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    with listener:
        thread.start()
        try:
            wait_until(lambda: server.failure is not None or (server.started and _is_ready(port)))
            assert server.failure is None, server.failure
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.should_exit = True
            thread.join()


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/readyz")
    with connection.getresponse() as answer:
        status = answer.status
    connection.close()
    return status == 200
