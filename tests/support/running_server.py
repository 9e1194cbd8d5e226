"""The whole server in a thread of the test: transport, access, and a model that can be reloaded."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nextword.serving.http.access import Access
from nextword.serving.served_model import ModelSource
from nextword.serving.server import Server, ServerOptions, bind
from support.waiting import wait_until


@contextmanager
def running_server(path: Path, *, keys: Sequence[str] = ()) -> Iterator[str]:
    """Run the server of the model in a directory, and give its host and port.

    Args:
        path: The directory of the bundle.
        keys: API keys; without any, no key is needed.
    """
    listener = bind("127.0.0.1", 0)
    server = Server(ModelSource(path), listener, ServerOptions(access=Access.of("127.0.0.1", keys=keys)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.application.state.lifecycle.stage == "ready" or not thread.is_alive(), patience=60)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
