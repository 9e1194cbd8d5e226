"""`/livez`, `/readyz` or `/health`, and `/metrics`: whether the service lives, takes requests, and how busy it is."""

from typing import Any

from fastapi import APIRouter, Request, Response

from nextword.serving.http.errors import ApiError
from nextword.serving.http.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get("/livez", responses={200: {"content": {"application/json": {"example": {"status": "alive"}}}}})
async def livez() -> dict[str, Any]:
    """Say that the process answers. Restart it if it does not."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    responses={
        200: {"content": {"application/json": {"example": {"status": "ready", "model": "austen-1a2b3c4d5e6f"}}}},
        503: {"description": "The service loads, drains, or its engine has ended."},
    },
)
async def readyz(request: Request) -> dict[str, Any]:
    """Say whether the service takes requests. Send it none if it does not."""
    state = request.app.state
    state.lifecycle.require_ready()
    served = state.slot.current
    if not served.scheduler.is_alive:
        raise ApiError(503, "the engine has ended; restart the service", code="engine_ended")
    return {"status": "ready", "model": served.fingerprint}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": "nextword_requests_in_flight 0.0\n"}}}},
)
async def metrics(request: Request) -> Response:
    """Return the figures of the service for Prometheus."""
    return Response(request.app.state.metrics.render(), headers={"content-type": CONTENT_TYPE})


for path, answer in (("/livez", livez), ("/readyz", readyz), ("/health", readyz)):  # `wget --spider` asks with HEAD
    router.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/health", readyz, include_in_schema=False)  # the name in llama.cpp and vLLM
