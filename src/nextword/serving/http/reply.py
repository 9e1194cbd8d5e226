"""The reply to a request while it is sent: what has been sent of it, and how it ends if something fails."""

import json
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Send

from nextword.serving.http.errors import ApiError, error_table

_EVENT_STREAM = b"text/event-stream"

_PIECE = 2**16


class Reply:
    """Sends a reply, and remembers what has been sent.

    Args:
        send: Sends a message to the client.

    Attributes:
        status: The HTTP status; 0 before the answer has begun.
        is_complete: Whether all of it was sent.
        is_event_stream: Whether it is a stream of server-sent events.
        first_body: When its first content was sent, by the monotonic clock.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_cut = False
        self.status = 0
        self.is_complete = False
        self.is_event_stream = False
        self.first_body: float | None = None

    async def send(self, message: Message) -> None:
        """Send a message of the application. After `fail`, nothing more is sent."""
        if not self._is_cut:
            await self._pass_on(message)

    async def fail(self, error: ApiError) -> None:
        """End the reply with an error, and send nothing more.

        A reply that has begun has room for the error if it is a stream of events. Any other one stays incomplete; the
        server then closes the connection, so that the client sees that something is missing.
        """
        self._is_cut = True
        if self.is_complete:
            return
        if not self.status:
            await send_error(self._pass_on, error)
        elif self.is_event_stream:
            event = f"data: {json.dumps(error.to_table())}\n\n".encode()
            await self._pass_on({"type": "http.response.body", "body": event, "more_body": False})

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = {name.lower(): value for name, value in message.get("headers", ())}
            self.is_event_stream = headers.get(b"content-type", b"").startswith(_EVENT_STREAM)
            if b"x-content-type-options" not in headers:
                message = {**message, "headers": [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]}
        elif message["type"] == "http.response.body":
            if message.get("body") and self.first_body is None:
                self.first_body = time.monotonic()
            self.is_complete = not message.get("more_body", False)
            await self._send_in_pieces(message)
            return
        await self._send(message)

    async def _send_in_pieces(self, message: Message) -> None:
        """Send a body a piece at a time: a client that reads slowly then takes the memory of one piece."""
        body = message.get("body", b"")
        last = max(0, len(body) - 1) // _PIECE * _PIECE
        for start in range(0, last, _PIECE):
            await self._send({"type": message["type"], "body": body[start : start + _PIECE], "more_body": True})
        await self._send({**message, "body": body[last:]})


async def send_error(send: Send, error: ApiError, headers: Mapping[str, str] | None = None) -> None:
    """Send an error as a whole answer."""
    body = json.dumps(error_table(error.status_code, str(error.detail), param=error.param, code=error.code)).encode()
    fields: dict[str, Any] = {"content-type": "application/json", "content-length": str(len(body))}
    fields |= {**(error.headers or {}), **(headers or {})}
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": error.status_code, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
