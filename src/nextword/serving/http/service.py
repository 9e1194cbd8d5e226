"""The service around the application: access, stage, errors, figures and log of every request."""

import logging
import time

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from nextword.serving.http.access import Access
from nextword.serving.http.connection import Refusal
from nextword.serving.http.errors import ApiError
from nextword.serving.http.lifecycle import HEALTH_PATHS
from nextword.serving.http.reply import Reply, send_error
from nextword.serving.http.service_log import Log, log_line, refusal_line

_LOG = logging.getLogger(__name__)

_ENGINE_PATHS = "/v1/"
"""Beginning of the paths whose requests need the engine. In overload they are refused before anything is parsed."""


class Service:
    """The ASGI application that the server runs.

    Args:
        application: The routes.
        access: Who may use them.
        log: Receives a line for each request.
    """

    def __init__(self, application: FastAPI, access: Access, *, log: Log | None = None) -> None:
        application.state.access = access
        self._application = application
        self._access = access
        self._log = log
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
        """Reply a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began, reply = time.monotonic(), Reply(send)
        try:
            await self._answer_or_fail(scope, receive, reply)
        finally:
            ended = time.monotonic()
            self._application.state.metrics.record(scope, reply, began, ended)
            if self._log is not None:
                self._log(log_line(scope, reply.status, ended - began))

    def record_refusal(self, refusal: Refusal, client: str) -> None:
        """Record a request that the transport refused."""
        self._application.state.metrics.record_refusal(refusal.code)
        if self._log is not None:
            self._log(refusal_line(refusal, client))

    async def _answer_or_fail(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        try:
            self._access.require(scope)
            work = self._answer(scope, receive, reply.send)
            if scope["path"] in HEALTH_PATHS:
                await work
            else:
                await self._application.state.lifecycle.run(work, reply)
        except ApiError as error:
            await reply.fail(error)
        except Exception as error:
            _LOG.error("a request failed by a fault of the program", exc_info=error)
            await reply.fail(ApiError(500, "the service failed; its log says where", code="internal_error"))

    async def _answer_allowed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reply a request that is sent to this service by a page that may do so."""
        try:
            self._access.require_key(scope)
            if scope["path"] not in HEALTH_PATHS:
                self._application.state.lifecycle.require_ready()
            if scope["method"] == "POST" and scope["path"].startswith(_ENGINE_PATHS):
                self._application.state.admission.require_room()
        except ApiError as error:
            await send_error(send, error)
            return
        await self._application(scope, receive, send)
