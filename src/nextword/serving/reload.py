"""Replaces the model without an interruption: load, verify, test, then swap."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from nextword.errors import NextwordError
from nextword.serving.api_error import ApiError
from nextword.serving.model_work import Answer, origin_of
from nextword.serving.openapi import ERRORS, REFUSED_MODEL
from nextword.serving.request_body import StrictRoute
from nextword.serving.self_test import self_test
from nextword.serving.served_model import ModelSlot, ServedModel

router = APIRouter(route_class=StrictRoute, tags=["service"], responses=ERRORS)

_log = logging.getLogger("nextword.serving")


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

    A model that cannot be loaded, or fails its test, is refused, and the former one goes on.

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
        self._tasks: set[asyncio.Task[Reload]] = set()

    async def reload(self) -> Reload:
        """Load the model again, and replace the current one if it is sound. One reload runs at a time."""
        async with self._lock:
            former_hash = self._slot.current.hash
            try:
                served = await asyncio.to_thread(self._load_tested)
            except NextwordError as error:
                return self._refused(former_hash, str(error))
            except Exception as error:
                _log.exception("the new model cannot be loaded")
                return self._refused(former_hash, f"it cannot be loaded ({type(error).__name__})")
            self._slot.replace(served)
            self._on_replaced()
            _log.info("the model is now %s", served.fingerprint)
            return Reload(served, former_hash)

    def start_reload(self) -> None:
        """Begin a reload, as on SIGHUP; the outcome is logged. Call it on the event loop."""
        task = asyncio.get_running_loop().create_task(self.reload())
        self._tasks.add(task)  # the event loop keeps no reference of its own
        task.add_done_callback(self._tasks.discard)

    def _load_tested(self) -> ServedModel:
        served = self._load()
        try:
            self_test(served.model)
        except BaseException:
            served.scheduler.close()
            raise
        return served

    def _refused(self, former_hash: str, reason: str) -> Reload:
        _log.error("the new model is refused, and the former one goes on: %s", reason)
        return Reload(self._slot.current, former_hash, reason)


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
    done = await reloader.reload()
    if done.refused is not None:
        raise ApiError(
            409, f"the new model is refused, and the former one goes on: {done.refused}", code="model_refused"
        )
    response.headers.update(done.served.headers)
    return ReloadAnswer(**origin_of(done.served), hash=done.served.hash, former_hash=done.former_hash)


def _is_remote(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
