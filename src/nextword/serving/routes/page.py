"""The page at `/`: one HTML file with the model inside, as `nextword export --html` writes it."""

import hashlib
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Header, Response

from nextword.display.page.html_file import html_page
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import PageFacts, facts_of, held_out_passage
from nextword.errors import CheckpointError, NextwordError
from nextword.serving.http.errors import ApiError
from nextword.serving.http.schema import ERRORS, NO_PAGE
from nextword.serving.routes.work import Work
from nextword.serving.served_model import ServedModel

HTML = "text/html; charset=windows-1252"

SECURITY_HEADERS = {
    "Content-Security-Policy": "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of the page. Its own policy, inside the file, allows its script and its style, and no connections."""

router = APIRouter(tags=["page"], responses=ERRORS)

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page.", "content": {HTML: {"example": "<!DOCTYPE html>"}}},
    304: {"description": "The browser has it already."},
    **NO_PAGE,
}

Tag = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]


class Page(NamedTuple):
    """The page of a model."""

    content: bytes
    tag: str  # its `ETag`


def page_of(served: ServedModel) -> Page:
    """Return the page of a model. It takes seconds; see `ServedModel.once`.

    Raises:
        ApiError: The page cannot run such a model, or its files are gone (404).
    """
    try:
        packed = pack_model(served.bundle, passage=_passage(served), facts=_facts(served))
    except NextwordError as error:
        raise ApiError(404, f"the page cannot run this model: {error}", code="no_page_model") from error
    content = html_page(packed)
    return Page(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _passage(served: ServedModel) -> str | None:
    try:
        return held_out_passage(served.text) or None
    except (NextwordError, OSError):
        return None


def _facts(served: ServedModel) -> PageFacts:
    try:
        return facts_of(served.bundle, served.text.origin.run, served.hash)
    except CheckpointError:  # the model answers without its metrics too
        return facts_of(served.bundle, None, served.hash)


@router.get("/", summary="Open the page", response_class=Response, responses=_ANSWERS)
async def read_page(work: Work, if_none_match: Tag = None) -> Response:
    """Return the page with the model inside. It is made at the first request."""
    served = work.model()
    content, tag = await work.once(served, page_of)
    headers = {**SECURITY_HEADERS, **served.headers, "Cache-Control": "no-cache", "ETag": tag}
    known = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=HTML, headers=headers)


router.add_api_route("/", read_page, methods=["HEAD"], response_class=Response, include_in_schema=False)
