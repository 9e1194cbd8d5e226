"""An answer of server-sent events."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from fastapi import Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from nextword.serving.api_error import ApiError
from nextword.serving.scheduling.admission import Admission, unless_left


class EventStream(Response):
    """Sends events as they come, with slots of the engine in hand, until the client leaves.

    If there is no slot, the answer is an error with its status, because nothing has been sent yet.

    Args:
        events: Gives the data of the events, each in one line, and all that are there at once. They are one write, so
            a client that has left costs one in vain.
        admission: Gives the slots.
        num_texts: Texts that the engine works on.
        headers: Headers of the answer.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[list[str]], admission: Admission, *, num_texts: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers})
        del self.headers["content-length"]
        self._events = events
        self._admission = admission
        self._num_texts = num_texts
        self._is_started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see the ASGI specification."""
        try:
            await unless_left(receive, self._send(send))
        except ApiError as error:
            if self._is_started:  # the client left
                return
            await JSONResponse(error.to_table(), error.status_code, error.headers)(scope, receive, send)

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events) as events, self._admission.slots(self._num_texts):
            self._is_started = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for some in events:
                data = "".join(f"data: {event}\n\n" for event in some).encode()
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
