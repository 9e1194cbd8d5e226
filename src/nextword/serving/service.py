"""The service around the application: access, stage, errors, figures and log of every request."""

import sys
import time
import traceback
from collections.abc import Callable

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from nextword.serving.access import Access
from nextword.serving.answer import Answer, send_error
from nextword.serving.api_error import ApiError
from nextword.serving.http_connection import Refusal
from nextword.serving.lifecycle import HEALTH_PATHS

Log = Callable[[str], None]

_MAX_LOGGED = 200


class Service:
    """The ASGI application that the server runs.

    Args:
        application: The routes.
        access: Who may use them.
        log: Receives a line for each request.
        log_error: Receives a report of each fault of the program.
    """

    def __init__(
        self, application: FastAPI, access: Access, *, log: Log | None = None, log_error: Log | None = None
    ) -> None:
        self._application = application
        self._access = access
        self._log = log
        self._log_error = log_error or (lambda line: print(line, file=sys.stderr))
        self._answer: ASGIApp = self._answer_allowed
        if access.origins:
            self._answer = CORSMiddleware(
                self._answer_allowed,
                allow_origins=access.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type"],
                expose_headers=["retry-after", "x-model-hash"],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began, answer = time.monotonic(), Answer(send)
        try:
            await self._answer_or_fail(scope, receive, answer)
        finally:
            ended = time.monotonic()
            self._application.state.metrics.record(scope, answer, began, ended)
            if self._log is not None:
                self._log(_log_line(scope, answer.status, ended - began))

    def record_refusal(self, refusal: Refusal, client: str) -> None:
        """Record a request that the transport refused."""
        self._application.state.metrics.record_refusal(refusal.code)
        if self._log is not None:
            self._log(f"{_now()} {client} {refusal.code} {refusal.status}")

    async def _answer_or_fail(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        try:
            self._access.require(scope)
            work = self._answer(scope, receive, answer.send)
            if scope["path"] in HEALTH_PATHS:
                await work
            else:
                await self._application.state.lifecycle.run(work, answer)
        except ApiError as error:
            await answer.fail(error)
        except Exception as error:
            self._log_error(_report(error))
            await answer.fail(ApiError(500, "the service failed; its log says where", code="internal_error"))

    async def _answer_allowed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is sent to this service by a page that may do so."""
        try:
            self._access.require_key(scope)
            if scope["path"] not in HEALTH_PATHS:
                self._application.state.lifecycle.require_ready()
        except ApiError as error:
            await send_error(send, error)
            return
        await self._application(scope, receive, send)


def _report(error: Exception) -> str:
    """Return where the program failed, without its message, which may quote what a user wrote."""
    places = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    return f"nextword: error: {type(error).__name__}, a fault of the program\n{places}"


def _log_line(scope: Scope, status: int, seconds: float) -> str:
    """Return a line without the query and the body, which hold what users write."""
    client = scope["client"][0] if scope["client"] else "-"
    path = scope["raw_path"][:_MAX_LOGGED].decode("latin-1").encode("unicode_escape").decode("ascii")
    request = f"{scope['method'][:20]} {path}".replace('"', "%22")
    return f'{_now()} {client} "{request}" {status or 499} {seconds:.3f} s'


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
