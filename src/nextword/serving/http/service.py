"""The service around the routes: access, stage, errors, metrics and log of every request."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Literal

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextword.serving.http.access import Access
from nextword.serving.http.errors import CLIENT_LEFT, ApiError, error_of

HEALTH_PATHS = frozenset(("/livez", "/readyz", "/health", "/metrics"))
"""Paths that are answered while the service loads or drains."""

Log = Callable[[str], None]
Stage = Literal["loading", "ready", "draining"]

_LOG = logging.getLogger(__name__)
_ENGINE_PATHS = "/v1/"
"""Beginning of the paths whose requests need the engine. In overload they are rejected before anything is parsed."""
_MAX_LOGGED = 200
_PIECE = 2**16
_REASONS: dict[Stage, str] = {
    "loading": "the service still loads its model; try again in a moment",
    "draining": "the service ends and takes no new requests; send the request to another one",
}


class Lifecycle:
    """The stage of the service, and the requests in work. All methods belong to one event loop."""

    def __init__(self, stage: Stage = "loading") -> None:
        self.stage: Stage = stage  # what the service does now
        self.num_running = 0  # requests in work, without those of `HEALTH_PATHS`
        self._idle = asyncio.Event()
        self._idle.set()
        self._cut: asyncio.Future[None] | None = None
        self._left_behind: set[asyncio.Future[None]] = set()

    def require_ready(self) -> None:
        """Refuse a request while the service loads or drains."""
        if self.stage != "ready":
            raise _refusal(self.stage)

    async def run(self, work: Awaitable[None]) -> None:
        """Run the work for a request to its end, or to `cut`."""
        task = asyncio.ensure_future(work)
        if self._cut is None:
            self._cut = asyncio.get_running_loop().create_future()
        self.num_running += 1
        self._idle.clear()
        try:
            await asyncio.wait((task, self._cut), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _refusal("draining")
            task.result()
        finally:
            if not task.done():
                self._left_behind.add(task)  # work in a thread ends in its own time
                task.add_done_callback(self._left_behind.discard)
                task.cancel()
            self.num_running -= 1
            if self.num_running == 0:
                self._idle.set()

    def drain(self) -> None:
        """Refuse new requests from now on."""
        self.stage = "draining"

    async def idle(self, seconds: float) -> bool:
        """Wait until no request is in work, and return whether that came about in time."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def cut(self) -> None:
        """End the answers in work: each with an error, and a stream with an error event."""
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(None)


def _refusal(stage: Stage) -> ApiError:
    return ApiError(503, _REASONS[stage], code=stage, headers={"Retry-After": "1", "Connection": "close"})


class Reply:
    """Sends a reply, and remembers what has been sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_cut = False
        self._has_begun = False
        self._is_event_stream = False
        self.status = CLIENT_LEFT  # the HTTP status; `CLIENT_LEFT` before the answer has begun
        self.is_complete = False  # whether all of it was sent
        self.first_event: float | None = None  # when the first event of a stream was sent, by the monotonic clock

    async def send(self, message: Message) -> None:
        """Send a message of the application. After a cut, nothing more is sent."""
        if not self._is_cut:
            await self._pass_on(message)

    async def fail(self, error: ApiError, send: Send | None = None) -> None:
        """End the reply with an error.

        A reply that has begun has room for the error if it is a stream of events. Any other one stays incomplete; the
        server then closes the connection, so the client sees that something is missing.

        Without `send`, work that may still send is cut off.
        """
        if send is None:
            self._is_cut, send = True, self._pass_on
        if not self._has_begun:
            headers, body = error.to_answer()
            pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": error.status, "headers": pairs})
            await send({"type": "http.response.body", "body": body})
        elif self._is_event_stream and not self.is_complete:
            event = b"data: " + error.to_json() + b"\n\n"
            await send({"type": "http.response.body", "body": event, "more_body": False})

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._has_begun, self.status = True, message["status"]
            headers = {name.lower(): value for name, value in message.get("headers", ())}
            self._is_event_stream = headers.get(b"content-type", b"").startswith(b"text/event-stream")
            if b"x-content-type-options" not in headers:
                message = {**message, "headers": [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]}
        elif message["type"] == "http.response.body":
            if message.get("body") and self._is_event_stream and self.first_event is None:
                self.first_event = time.monotonic()
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


class Service:
    """The middleware around all routes. It alone catches errors and answers them."""

    def __init__(self, app: ASGIApp, access: Access, log: Log | None = None) -> None:
        self._app = app
        self._access = access
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and record it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, reply = time.monotonic(), Reply(send)
        try:
            await self._answer_in_stage(scope, receive, reply)
        finally:
            seconds = time.monotonic() - start
            to_event = None if reply.first_event is None else reply.first_event - start
            scope["app"].state.metrics.record(scope, reply.status, seconds, to_event)
            if self._log is not None:
                self._log(log_line(scope, reply.status, seconds))

    async def _answer_in_stage(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        try:
            receive = bounded(scope, receive, scope["app"].state.settings.max_body_bytes)
            self._access.require(scope)
            work = self._with_cors(partial(self._answer, reply))(scope, receive, reply.send)
            if scope["path"] in HEALTH_PATHS:
                await work
            else:
                await scope["app"].state.lifecycle.run(work)
        except ApiError as error:
            await reply.fail(error)

    async def _answer(self, reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is sent to this service by a page that may do so. Errors get the headers for it too."""
        state = scope["app"].state
        try:
            self._access.require_key(scope)
            if scope["path"] not in HEALTH_PATHS:
                state.lifecycle.require_ready()
            if scope["method"] == "POST" and scope["path"].startswith(_ENGINE_PATHS):
                state.admission.require_room()
            await self._app(scope, receive, send)
        except Exception as error:
            answer = error_of(error, scope)
            if answer.code == "internal_error":
                _LOG.error("a request failed by a fault of the program", exc_info=error)
            await reply.fail(answer, send)

    def _with_cors(self, app: ASGIApp) -> ASGIApp:
        if not self._access.origins:
            return app
        return CORSMiddleware(
            app,
            allow_origins=self._access.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],  # clients of the OpenAI API send many of their own
            expose_headers=["retry-after", "x-model-hash"],
        )


def bounded(scope: Scope, receive: Receive, max_bytes: int) -> Receive:
    """Refuse a body that is too long or has two framings, and return what refuses one that becomes too long."""
    headers, length = Headers(scope=scope), 0
    if "transfer-encoding" in headers and "content-length" in headers:  # two programs could cut the request differently
        message = "a request must have Content-Length or Transfer-Encoding, not both"
        raise ApiError(400, message, code="invalid_http", headers={"Connection": "close"})
    message = f"the body must be at most {max_bytes} bytes; send less"
    too_large = ApiError(413, message, code="body_too_large", headers={"Connection": "close"})
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large

    async def receive_bounded() -> Message:
        nonlocal length
        received = await receive()
        length += len(received.get("body", b""))
        if length > max_bytes:
            raise too_large
        return received

    return receive_bounded


def log_line(scope: Scope, status: int, seconds: float) -> str:
    """Return the line for a request, without its query and its body. One request is one line, whatever it holds."""
    client = scope["client"][0] if scope["client"] else "-"
    path = scope["raw_path"][:_MAX_LOGGED].decode("latin-1").encode("unicode_escape").decode("ascii")
    request = f"{scope['method'][:20]} {path}".replace('"', "%22")
    return f'{_now()} {client} "{request}" {status} {seconds:.3f} s'


def refusal_line(refusal: ApiError, client: str) -> str:
    """Return the line for what the transport refused."""
    return f"{_now()} {client or '-'} {refusal.code} {refusal.status}"


class FaultFormatter(logging.Formatter):
    """Formats a fault of the program: its type and place. Its message may quote what a user wrote, and is left out."""

    def __init__(self) -> None:
        super().__init__("error: %(message)s")

    def formatException(  # noqa: N802
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Return the places of the calls and the type of the exception."""
        kind, _, calls = ei
        return "".join(traceback.format_tb(calls)) + (kind.__name__ if kind else "")


def report_faults() -> None:
    """Let the faults of the service go to standard error."""
    logger = logging.getLogger("nextword.serving")
    if not any(isinstance(handler.formatter, FaultFormatter) for handler in logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(FaultFormatter())
        logger.addHandler(handler)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
