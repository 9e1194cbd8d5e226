"""uvicorn's HTTP/1.1 protocol with what it lacks: a request's deadline, a number of connections, and slow readers."""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from nextword.serving.http.errors import ApiError
from nextword.serving.settings import ServingSettings

_MIN_BYTES_PER_SECOND = 1024
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger, for no time

OnRefused = Callable[[ApiError, str], None]


class BoundedProtocol(H11Protocol):
    """A connection that is closed if it has no request, an incomplete request or an unread answer for too long."""

    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, settings: ServingSettings, on_refused: OnRefused, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._settings = settings
        self._on_refused = on_refused

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
        self._deadline = _cancelled(self._deadline)
        self._write_deadline = _cancelled(self._write_deadline)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Pass on what has come of requests, and watch the time if one is incomplete."""
        super().handle_events()
        state = self.conn.their_state
        is_incomplete = state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))
        if not is_incomplete or self.transport.is_closing():
            self._deadline = _cancelled(self._deadline)
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._settings.receive_seconds, self._on_receive_deadline)

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the client still sends the one that has its answer."""
        is_early = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if is_early:
            self.transport.close()

    def send_400_response(self, _msg: str) -> None:
        """Refuse what h11 cannot parse."""
        self._refuse(ApiError(400, "the request must be well-formed HTTP/1.1; correct the client", code="invalid_http"))

    def pause_writing(self) -> None:
        """Watch the time while something is unread."""
        super().pause_writing()
        if self._write_deadline is None:
            self._watch_reader()

    def resume_writing(self) -> None:
        """Stop watching, for all is read."""
        super().resume_writing()
        self._write_deadline = _cancelled(self._write_deadline)

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
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)  # else the system would wait for the client
        self.transport.abort()

    def _on_receive_deadline(self) -> None:
        message = f"a request must arrive within {self._settings.receive_seconds:g} s; send it faster"
        self._refuse(ApiError(408, message, code="slow_request"))

    def _refuse(self, refusal: ApiError) -> None:
        """Answer instead of the application, unless it has begun to, and close."""
        self._report(refusal)
        cycle: RequestResponseCycle | None = self.cycle
        has_begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # the application sees a client that left
            cycle.message_event.set()
        if not has_begun:
            self.transport.write(refusal.to_bytes())
        self.transport.close()

    def _report(self, refusal: ApiError) -> None:
        self._on_refused(refusal, self.client[0] if self.client else "")


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None
