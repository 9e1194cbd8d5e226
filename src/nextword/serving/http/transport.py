"""The transport: uvicorn's HTTP/1.1 protocol with the bounds that it lacks.

Encryption is the task of a reverse proxy; see `docs/serving.md`.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from nextword.serving.http.connection import BoundedConnection
from nextword.serving.http.errors import ApiError
from nextword.serving.settings import ServingSettings

_LINGER_SECONDS = 1.0
_MAX_LINGERING = 48
_ACCEPTED_AT_ONCE = 8

FILES_BESIDE_CONNECTIONS = 128
"""Open files of the process besides its connections: these two, the model, libraries and pipes."""

_MAX_AHEAD = 2**16
"""Most bytes of further requests that a client sends before it has its answer."""
_MIN_BYTES_PER_SECOND = 1024
"""A client that reads more slowly is closed, unless it reads all that was sent."""

_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""Closes a socket at once: linger, for no time."""

OnRefused = Callable[[ApiError, str], None]


class TransportConfig(uvicorn.Config):
    """The configuration of uvicorn, with the bounds of the service."""

    def __init__(
        self, app: Any, settings: ServingSettings, on_refused: OnRefused = lambda _refusal, _client: None
    ) -> None:
        super().__init__(
            app,
            http=BoundedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            log_level="critical",  # `Service` reports faults of the program
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_ACCEPTED_AT_ONCE,  # more could exceed the limit of open files
            timeout_graceful_shutdown=2,
        )
        self.settings = settings
        self.on_refused = on_refused
        self.num_lingering = 0


class BoundedProtocol(H11Protocol):
    """A connection of uvicorn that bounds what a client can take: connections, bytes, and time in each phase.

    | phase | bound | at its end |
    |---|---|---|
    | no request has begun | `idle_seconds` | closed |
    | a request has begun, and is not whole | `receive_seconds` | 408, closed |
    | the application works | its own | |
    | the client does not read what was sent | `write_seconds` | closed |

    A stream of a slow model stays open: while nothing is unread, no deadline runs.
    """

    def __init__(
        self,
        config: TransportConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = config
        self._settings = config.settings
        self.conn: BoundedConnection = BoundedConnection(config.settings)
        self.timeout_keep_alive: float = config.settings.idle_seconds  # type: ignore[assignment]
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._is_leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, or refuse the connection if there are too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # `pause_writing` then means that something is unread
        if len(self.connections) > self._settings.max_connections:
            message = f"the service has {self._settings.max_connections} connections already; try again later"
            self._refuse(ApiError(503, message, code="too_many_connections", headers={"Retry-After": "1"}))
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timers."""
        self._unset_keepalive_if_required()
        self._cancel_deadlines()
        if self._is_leaving:
            self._bounds.num_lingering -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the connection is about to close."""
        if not self._is_leaving:
            super().data_received(data)

    def handle_events(self) -> None:
        """Pass on what has come of requests, and watch the time if one is not whole."""
        super().handle_events()
        if self._is_leaving or self.transport.is_closing():
            return
        if self.conn.is_receiving:
            self._unset_keepalive_if_required()
            if self._deadline is None:
                self._deadline = self.loop.call_later(self._settings.receive_seconds, self._on_receive_deadline)
        else:
            self._cancel_receive_deadline()
            self._read_ahead()

    def _read_ahead(self) -> None:
        """Read while the application works, where uvicorn would pause: only so the client is seen to leave."""
        if self.conn.num_buffered > _MAX_AHEAD:
            self._report(ApiError(413, "a client must wait for answers before it sends more", code="too_far_ahead"))
            self.transport.abort()
        else:
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Keep the connection for the next request, unless the client still sends one that has its answer."""
        is_early = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if is_early and not self.transport.is_closing():
            self._leave()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that the connection could not parse."""
        self._refuse(self.conn.refusal or ApiError(400, msg, code="invalid_http"))

    def pause_writing(self) -> None:
        """Watch the time while something is unread."""
        super().pause_writing()
        if self._write_deadline is None:
            self._watch_reader()

    def resume_writing(self) -> None:
        """Stop watching, for all is read."""
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _watch_reader(self) -> None:
        unread, seconds = self.transport.get_write_buffer_size(), self._settings.write_seconds
        self._write_deadline = self.loop.call_later(seconds, self._on_write_deadline, unread)

    def _on_write_deadline(self, unread: int) -> None:
        read = unread - self.transport.get_write_buffer_size()
        if read >= _MIN_BYTES_PER_SECOND * self._settings.write_seconds:
            self._watch_reader()
            return
        self._report(ApiError(408, "the client must read what was sent", code="slow_reader"))
        if opened := self.transport.get_extra_info("socket"):
            # Else the system would keep the connection, with what it has not yet sent, until the client reads.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _on_receive_deadline(self) -> None:
        message = f"a request must arrive within {self._settings.receive_seconds:g} s; send it faster"
        self._refuse(ApiError(408, message, code="slow_request"))

    def _refuse(self, refusal: ApiError) -> None:
        """Answer instead of the application if it has not begun to, and close."""
        self._report(refusal)
        self.connections.discard(self)
        cycle: RequestResponseCycle | None = self.cycle
        has_begun = False
        if cycle and not cycle.response_complete:
            has_begun = cycle.response_started
            cycle.disconnected = True  # the application sees a client that left
            cycle.message_event.set()
        if has_begun:
            self.transport.abort()
            return
        self.transport.write(_encode(refusal, with_body=not self.conn.is_head))
        self._leave()

    def _leave(self) -> None:
        """Close in a moment. Closing at once could destroy the answer of a client that still sends."""
        self._is_leaving = True
        self._unset_keepalive_if_required()
        self._cancel_receive_deadline()
        self._bounds.num_lingering += 1
        if self._bounds.num_lingering > _MAX_LINGERING:
            self.transport.abort()
            return
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _report(self, refusal: ApiError) -> None:
        self._bounds.on_refused(refusal, self.client[0] if self.client else "")

    def _cancel_receive_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_deadlines(self) -> None:
        self._cancel_receive_deadline()
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None


def _encode(refusal: ApiError, *, with_body: bool) -> bytes:
    headers, body = refusal.to_answer()
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in {**headers, "connection": "close"}.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body if with_body else b"")
