"""Replaces the model without an interruption: load, verify, test, then swap."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from nextword.engine.engine import read_text
from nextword.engine.text_model import TextModel
from nextword.errors import BundleError, NextwordError
from nextword.inference.generation.generator import Request as GenerationRequest
from nextword.inference.generation.generator import generate_texts
from nextword.inference.generation.sampling import SamplingOptions
from nextword.serving.http.access import is_loopback
from nextword.serving.http.errors import ApiError
from nextword.serving.http.schema import ERRORS, REFUSED_MODEL, StrictRoute
from nextword.serving.routes.work import EXAMPLE_HASH, Answer
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.system.capacity import return_freed_memory

router = APIRouter(route_class=StrictRoute, tags=["service"], responses=ERRORS)

_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers that reverse proxies add."""

_LOG = logging.getLogger(__name__)

_NUM_TOKENS = 64
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Reload:
    """The outcome of a reload."""

    served: ServedModel  # the model that new requests get, whether it is another one or not
    former_hash: str  # hash of the model before
    refused: str | None = None  # why the new model was refused; `None` if it was taken


class Reloader:
    """Replaces the model of a slot. Requests that run keep their model to their end.

    A model that cannot be loaded, or fails its test, is refused, and the former one serves on.
    """

    def __init__(self, slot: ModelSlot, load: Callable[[], ServedModel]) -> None:
        self._slot = slot
        self._load = load
        self._lock = asyncio.Lock()

    async def reload(self) -> Reload:
        """Load the model again, test it, and let it take the place of the current one. One reload runs at a time."""
        async with self._lock:
            previous = self._slot.current
            try:
                served = await asyncio.to_thread(self._load_tested)
            except NextwordError as error:
                return Reload(previous, previous.hash, str(error))
            except Exception as error:
                _LOG.exception("the new model cannot be loaded")
                return Reload(
                    previous, previous.hash, f"it cannot be loaded ({type(error).__name__}); the log says more"
                )
            self._slot.replace(served)
            former_hash = previous.hash
            del previous  # if requests still use it, the next reload returns its memory
            await asyncio.to_thread(return_freed_memory)
            return Reload(served, former_hash)

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

    hash: str = Field(description="SHA-256 of its weights, and of its mixture if it is used.", examples=[EXAMPLE_HASH])
    former_hash: str = Field(description="The same of the former model.", examples=[EXAMPLE_HASH])


async def require_right_to_reload(request: Request) -> None:
    """Refuse a request from another machine if the service has no API keys; with keys, the service asked for one.

    A reverse proxy on this machine passes on requests from others. It is known by the headers that it adds, or by the
    name of the host that it keeps.
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
    """Return the reloader of the service."""
    reloader: Reloader | None = request.app.state.reloader
    if reloader is None:
        raise ApiError(503, "the model was given to the service in memory, so it cannot be loaded again; start another")
    return reloader


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
    return ReloadAnswer.of(done.served, hash=done.served.hash, former_hash=done.former_hash)


def self_test(model: TextModel) -> None:
    """Raise unless a model gives finite and normalized log-probabilities, reads its own text, and writes a token."""
    ids = _some_tokens(model)
    for text in ([], ids):
        _check_log_probs(read_text(model.engine, text)[0][0])
    _check_tokenizer(model, ids)
    (written,) = generate_texts(model, [""], GenerationRequest(max_tokens=1, sampling=SamplingOptions(temperature=0.0)))
    if len(written.ids) != 1 or not 0 <= written.ids[0] < model.tokenizer.vocabulary_size:
        raise BundleError(f"the model must write a token of its vocabulary, but writes {list(written.ids)[:3]}")


def _some_tokens(model: TextModel) -> list[int]:
    vocabulary = model.tokenizer.vocabulary
    specials = {vocabulary.unknown_id, vocabulary.end_id}
    return [token_id for token_id in range(min(len(vocabulary), _NUM_TOKENS)) if token_id not in specials]


def _check_log_probs(log_probs: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
    if not np.isfinite(log_probs).all():
        raise BundleError("the log-probabilities of the model must be finite, but are not; train the model again")
    total = float(np.exp(log_probs.astype(np.float64)).sum())
    if abs(total - 1) > _TOLERANCE:
        raise BundleError(f"the probabilities of the model must sum to 1, but sum to {total:.4f}; export it again")


def _check_tokenizer(model: TextModel, ids: list[int]) -> None:
    """Check that some token is read as it is written. Not all are: the spaces of a mark depend on its neighbors."""
    tokenizer = model.tokenizer
    if ids and not any(tokenizer.encode(tokenizer.decode([token_id])) == [token_id] for token_id in ids):
        shown = tokenizer.decode(ids)[:40]
        raise BundleError(f"the tokenizer must read what it writes, but reads no token of {shown!a} again; use its own")
