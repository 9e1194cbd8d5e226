"""Replaces the model without an interruption: load, verify, test, then swap."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from nextword.errors import NextwordError
from nextword.serving.api_error import ApiError
from nextword.serving.connection.access import is_loopback
from nextword.serving.openapi import ERRORS, REFUSED_MODEL
from nextword.serving.request_body import StrictRoute
from nextword.serving.self_test import self_test
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.text.model_work import EXAMPLE_HASH, Answer, origin_of

router = APIRouter(route_class=StrictRoute, tags=["service"], responses=ERRORS)

_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers that reverse proxies add."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reload:
    """The outcome of a reload.

    Attributes:
        served: The model that new requests get, whether it is another one or not.
        former_hash: Hash of the model before.
        refused: Why the new model was refused; `None` if it was taken.
    """

    served: ServedModel
    former_hash: str
    refused: str | None = None


class Reloader:
    """Replaces the model of a slot. Requests that run keep their model to their end.

    A model that cannot be loaded, or fails its test, is refused, and the former one serves on.

    Args:
        slot: Where the model is.
        load: Returns the new model, checked, or raises.
        on_replaced: Called on the event loop after each replacement.
    """

    def __init__(
        self, slot: ModelSlot, load: Callable[[], ServedModel], on_replaced: Callable[[], object] = lambda: None
    ) -> None:
        self._slot = slot
        self._load = load
        self._on_replaced = on_replaced
        self._lock = asyncio.Lock()

    async def reload(self) -> Reload:
        """Load the model again, test it, and let it take the place of the current one. One reload runs at a time."""
        async with self._lock:
            former = self._slot.current
            try:
                served = await asyncio.to_thread(self._load_tested)
            except NextwordError as error:
                return Reload(former, former.hash, str(error))
            except Exception as error:
                _LOG.exception("the new model cannot be loaded")
                return Reload(former, former.hash, f"it cannot be loaded ({type(error).__name__}); the log says more")
            self._slot.replace(served)
            self._on_replaced()
            return Reload(served, former.hash)

    def _load_tested(self) -> ServedModel:
        served = self._load()
        try:
            self_test(served.model)
        except BaseException:
            served.scheduler.close()
            raise
        return served


class ReloadAnswer(Answer):
    """The model after a reload."""

    hash: str = Field(description="SHA-256 of its weights.", examples=[EXAMPLE_HASH])
    former_hash: str = Field(description="SHA-256 of the former model's weights.", examples=[EXAMPLE_HASH])


async def require_right_to_reload(request: Request) -> None:
    """Refuse a request from another machine if the service has no API keys; with keys, the service asked for one.

    A reverse proxy on this machine passes on requests from others. It is known by the headers that it adds, or by the
    name of the host that it keeps.

    Raises:
        ApiError: The request is refused (403).
    """
    client = request.client
    access = getattr(request.app.state, "access", None)
    if access is not None and access.key_digests:
        return
    is_passed_on = any(name in request.headers for name in _OF_PROXIES) or not is_loopback(request.url.hostname or "")
    if not is_passed_on and (client is None or is_loopback(client.host)):
        return
    raise ApiError(
        403,
        "the model can be reloaded from this machine only, since the service has no API keys; give it some, or send "
        "SIGHUP to its process",
        code="not_local",
    )


async def reloader_of(request: Request) -> Reloader:
    """Return the reloader of the service.

    Raises:
        ApiError: The service has none (503).
    """
    found: Reloader | None = request.app.state.reloader
    if found is None:
        raise ApiError(503, "the model was given to the service in memory, so it cannot be loaded again; start another")
    return found


@router.post(
    "/admin/reload",
    summary="Replace the model",
    responses=REFUSED_MODEL,
    dependencies=[Depends(require_right_to_reload)],
)
async def reload_model(reloader: Annotated[Reloader, Depends(reloader_of)], response: Response) -> ReloadAnswer:
    """Load the model again from its directory, test it, and answer new requests with it.

    If it is refused, the former model serves on, and the answer (409) says why. Running requests keep the former model.
    """
    done = await reloader.reload()
    if done.refused is not None:
        message = f"the new model is refused, and the former one serves on: {done.refused}"
        raise ApiError(409, message, code="model_refused")
    response.headers.update(done.served.headers)
    return ReloadAnswer(**origin_of(done.served), hash=done.served.hash, former_hash=done.former_hash)
