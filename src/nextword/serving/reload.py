"""Replaces the model without an interruption: load, verify, test, then swap."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from nextword.errors import BundleError, NextwordError
from nextword.serving.api_error import ApiError
from nextword.serving.model_work import Answer, origin_of
from nextword.serving.openapi import ERRORS, REFUSED_MODEL
from nextword.serving.request_body import StrictRoute
from nextword.serving.self_test import self_test
from nextword.serving.served_model import ModelSlot, ServedModel

router = APIRouter(route_class=StrictRoute, tags=["service"], responses=ERRORS)

_log = logging.getLogger("nextword.serving")


class Reloader:
    """Replaces the model of a slot. Requests that run keep their model to their end.

    Args:
        slot: Returns where the model is.
        load: Returns the new model, checked, or raises.
        on_replaced: Called on the event loop after each replacement.
    """

    def __init__(
        self,
        slot: Callable[[], ModelSlot],
        load: Callable[[], ServedModel],
        on_replaced: Callable[[], object] = lambda: None,
    ) -> None:
        self._slot = slot
        self._load = load
        self._on_replaced = on_replaced
        self._lock = asyncio.Lock()

    async def reload(self) -> tuple[ServedModel, str]:
        """Load the model again, test it, and let it take the place of the current one. One reload runs at a time.

        Returns:
            The new model, and the hash of the former one.

        Raises:
            NextwordError: The new model is refused, and the former one goes on.
        """
        async with self._lock:
            try:
                served = await asyncio.to_thread(self._load_tested)
            except NextwordError:
                raise
            except Exception as error:
                _log.exception("the new model cannot be loaded")
                raise BundleError(
                    f"the new model must load, but fails with {type(error).__name__}; see the log"
                ) from error
            slot = self._slot()
            former_hash = slot.current.hash
            slot.replace(served)
            self._on_replaced()
            return served, former_hash

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

    hash: str = Field(description="SHA-256 of its weights.", examples=["1f0c9d7e5b3a" + "0" * 52])
    former_hash: str = Field(description="SHA-256 of the former model's weights.", examples=["6be7c1a2f0d4" + "0" * 52])


def require_right_to_reload(request: Request) -> None:
    """Refuse a request from another machine if the service has no API keys; with keys, the service asked for one.

    Raises:
        ApiError: The request is refused (403).
    """
    client = request.client
    access = getattr(request.app.state, "access", None)
    has_keys = access is not None and bool(access.key_digests)
    if has_keys or client is None or not _is_remote(client.host):
        return
    raise ApiError(
        403,
        "the model can be reloaded from this machine only, since the service has no API keys; give it some, or send "
        "SIGHUP to its process",
        code="not_local",
    )


def reloader_of(request: Request) -> Reloader:
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

    If it is refused, the former model goes on, and the answer (409) says why. Running requests keep the former model.
    """
    try:
        served, former_hash = await reloader.reload()
    except NextwordError as error:
        message = f"the new model is refused, and the former one goes on: {error}"
        raise ApiError(409, message, code="model_refused") from error
    response.headers.update(served.headers)
    return ReloadAnswer(**origin_of(served), hash=served.hash, former_hash=former_hash)


def _is_remote(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
