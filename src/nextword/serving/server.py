"""Runs the service: binds the address, loads the model, answers, drains at a signal."""

import asyncio
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from nextword.errors import SettingError
from nextword.serving.application import create_application
from nextword.serving.http.access import Access
from nextword.serving.http.errors import ApiError
from nextword.serving.http.service import Log, refusal_line, report_faults
from nextword.serving.http.transport import BoundedProtocol, OnRefused
from nextword.serving.served_model import ModelSlot, ModelSource
from nextword.serving.settings import ServingSettings

_CUT_SECONDS = 1.0
"""Time to send the errors that end the answers in work."""

_JOIN_SECONDS = 10.0
"""Time for the engine's thread to end its last step."""

_BACKLOG = 1024
"""Connections that the system keeps until the server takes them."""

_ACCEPTED_AT_ONCE = 8
"""More could exceed the limit of open files."""

_FILES_BESIDE_CONNECTIONS = 128
"""Open files of the process besides its connections: the model, libraries and pipes."""

_ENDING = (signal.SIGINT, signal.SIGTERM)


def _say_nothing(_message: str) -> None:
    pass


@dataclass(frozen=True)
class ServerOptions:
    """How the service runs."""

    host: str = "127.0.0.1"  # address to listen on
    port: int = 8000  # port to listen on; 0 takes a free one
    access: Access = field(default_factory=Access)  # who may use it
    settings: ServingSettings = field(default_factory=ServingSettings)  # its bounds
    say: Log = _say_nothing  # receives messages, such as the address when the service is ready
    log: Log | None = None  # receives a line for each request


def serve(source: ModelSource, options: ServerOptions) -> int:
    """Serve a model until a signal ends the service, and return the exit code: 128 + the number of the signal."""
    report_faults()
    listener = bind(options.host, options.port)
    with listener:
        server = Server(source, listener, options)
        server.run(sockets=[listener])
    if server.failure is not None:
        raise server.failure
    if server.signal_number:
        options.say(f"stopped by {signal.Signals(server.signal_number).name}")
    return 128 + server.signal_number if server.signal_number else 0


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise SettingError(f"`--host` must be an address of this machine, but {host!a} is not: {error}") from error
    family, kind, protocol, _, address = min(addresses, key=lambda info: info[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere the option would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise SettingError(
            f"`--port` must be free on {host}, but {port} cannot be used: {error.strerror}; give another one, or "
            "`--port 0` for any free one"
        ) from error
    return listener


def transport_config(application: Any, settings: ServingSettings, on_refused: OnRefused) -> uvicorn.Config:
    """Return the configuration of uvicorn, with the bounds of the service."""
    return uvicorn.Config(
        application,
        http=cast("type[asyncio.Protocol]", partial(BoundedProtocol, settings=settings, on_refused=on_refused)),
        ws="none",
        loop="asyncio",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level="critical",  # `Service` reports faults of the program
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_ACCEPTED_AT_ONCE,
        timeout_keep_alive=cast("int", settings.idle_seconds),
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=settings.max_header_bytes,
    )


class Server(uvicorn.Server):
    """uvicorn's server, which loads the model beside and ends without cutting an answer in silence."""

    def __init__(self, source: ModelSource, listener: socket.socket, options: ServerOptions) -> None:
        self._source = source
        self._options = options
        self._address = listener.getsockname()
        self.application: FastAPI = create_application(
            ModelSlot(), options.settings, source.load, access=options.access, log=options.log
        )
        super().__init__(transport_config(self.application, _within_limits(options), self._record_refusal))
        self._tasks: set[asyncio.Task[None]] = set()
        self.signal_number = 0  # the signal that ended the service; 0 before
        self.failure: Exception | None = None  # why the model could not be loaded

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and load the model meanwhile."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(_BACKLOG)
        self.application.state.metrics.connections.set_function(partial(len, self.server_state.connections))
        self._begin(self._load())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the requests in work end, tell the others that they do not, and close."""
        state = self.application.state
        state.lifecycle.drain()
        if not await state.lifecycle.idle(self._options.settings.drain_seconds):
            state.admission.close()
            await state.slot.drain()
            if not await state.lifecycle.idle(_CUT_SECONDS):
                state.lifecycle.cut()
                await state.lifecycle.idle(_CUT_SECONDS)
        await super().shutdown(sockets)
        state.slot.close(_JOIN_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals of the service while it runs; elsewhere than in the main thread there are none."""
        handlers: dict[int, Callable[[int, FrameType | None], Any]] = dict.fromkeys(_ENDING, self.handle_exit)
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = self._on_reload_signal
        try:
            previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        except ValueError:
            yield
            return
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the service, at the second signal at once."""
        del frame
        if self.signal_number or self.application.state.lifecycle.stage == "loading":
            sys.stderr.flush()
            os._exit(128 + sig)
        self.signal_number = sig
        self.application.state.lifecycle.drain()
        self.should_exit = True

    def _record_refusal(self, refusal: ApiError, client: str) -> None:
        self.application.state.metrics.record_refusal(refusal.code)
        if self._options.log is not None:
            self._options.log(refusal_line(refusal, client))

    async def _load(self) -> None:
        state = self.application.state
        try:
            state.slot.replace(await asyncio.to_thread(self._source.load))
        except Exception as error:
            self.failure, self.should_exit = error, True
            return
        state.lifecycle.stage = "ready"
        self._options.say(f"serving {state.slot.current.name} on {' and '.join(self.urls)}")

    @property
    def urls(self) -> list[str]:
        """Addresses of the page: the one to listen on, or if it stands for all, two of this machine's own."""
        hosts = own_hosts(self._address[0]) or [self._options.host]
        return [f"http://{f'[{host}]' if ':' in host else host}:{self._address[1]}/" for host in hosts]

    def _on_reload_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.application.state.lifecycle.stage != "ready":
            return
        self._loop.call_soon_threadsafe(lambda: self._begin(self._reload()))

    async def _reload(self) -> None:
        done = await self.application.state.reloader.reload()
        if done.refused is None:
            self._options.say(f"reloaded {done.served.fingerprint}")
        else:
            self._options.say(f"the model was not reloaded, and the former one serves on: {done.refused}")

    def _begin(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def own_hosts(address: str) -> list[str]:
    """Return where this machine and others open a service on all addresses; nothing for another address."""
    if not ipaddress.ip_address(address).is_unspecified:
        return []
    family, own, elsewhere = socket.AF_INET, "127.0.0.1", "192.0.2.1"
    if ":" in address:
        family, own, elsewhere = socket.AF_INET6, "::1", "2001:db8::1"
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((elsewhere, 9))  # finds the route; nothing is sent
        return [own, probe.getsockname()[0]]
    return [own]


def _within_limits(options: ServerOptions) -> ServingSettings:
    wanted = options.settings.max_connections
    allowed = allow_connections(wanted)
    if allowed < wanted:
        options.say(
            f"the system allows this process {allowed} connections, fewer than `max_connections`, {wanted}; raise its "
            "limit of open files with `ulimit -n`"
        )
    return options.settings.replace(max_connections=allowed)


def allow_connections(wanted: int) -> int:
    """Let this process open files for a number of connections, and return how many the system allows.

    More connections than that would fail without an answer.
    """
    if sys.platform != "win32":  # it has no such limit
        import resource

        needed = wanted + _FILES_BESIDE_CONNECTIONS
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < needed:
            soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wanted = max(1, min(wanted, soft - _FILES_BESIDE_CONNECTIONS))
    return wanted
