"""The page at `/`: its files, what it shows of the model, and the model that it can run itself."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from nextword.serving.http.body import StrictRoute
from nextword.serving.http.errors import ApiError
from nextword.serving.http.openapi import ERRORS, NO_PAGE
from nextword.serving.routes.page_files import TYPES, PageFile, PageFiles, matches, tag_of
from nextword.serving.routes.page_model import PageDescription, description_of, packed_model
from nextword.serving.routes.work import Work

router = APIRouter(route_class=StrictRoute, tags=["page"], responses=ERRORS)

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of all that the page loads: it runs its own scripts only, and talks to its own server only."""

_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-cache"}
_BINARY = "application/octet-stream"
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The browser has it already."}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {kind: {"example": "(the content of the file)"} for kind in sorted(TYPES.values())},
    }
}
_HTML: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page.", "content": {TYPES[".html"]: {"example": "<!DOCTYPE html>"}}}
}
_MODEL: dict[int | str, dict[str, Any]] = {
    200: {"description": "The packed model.", "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}}
}

Tag = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]
FileName = Annotated[str, Path(description="Name of the file.", examples=["js/served_page.js"], max_length=200)]


async def files_of(request: Request) -> PageFiles:
    """Return the files of the page."""
    found: PageFiles = request.app.state.page_files
    return found


AllFiles = Annotated[PageFiles, Depends(files_of)]


@router.get("/", summary="Open the page", response_class=Response, responses={**_HTML, **_UNCHANGED, **NO_PAGE})
async def read_page(files: AllFiles, if_none_match: Tag = None) -> Response:
    """Return the page, in HTML."""
    return _file_answer(files.find("index.html"), if_none_match)


@router.get("/page/describe.json", summary="Describe the model to the page")
async def describe_model(response: Response, work: Work) -> PageDescription:
    """Return what the page shows of the model. The names are those of JavaScript."""
    response.headers.update(_HEADERS)
    return await work.once(work.model(), description_of)


@router.get(
    "/page/model.bin",
    summary="Fetch the model for the page",
    response_class=Response,
    responses={**_MODEL, **_UNCHANGED, **NO_PAGE},
)
async def read_model(work: Work, if_none_match: Tag = None) -> Response:
    """Return the model as the page runs it: its weights in eight bits. It is packed at the first request."""
    served = work.model()
    tag = tag_of(served.hash)
    headers = {**_HEADERS, **served.headers, "ETag": tag}
    if matches(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(await work.once(served, packed_model), media_type=_BINARY, headers=headers)


@router.get(
    "/page/{name:path}",
    summary="Fetch a file of the page",
    response_class=Response,
    responses={**_FILE, **_UNCHANGED, **NO_PAGE},
)
async def read_file(name: FileName, files: AllFiles, if_none_match: Tag = None) -> Response:
    """Return a script, a style or a picture of the page."""
    return _file_answer(files.find(name), if_none_match)


for _path, _endpoint in (("/", read_page), ("/page/{name:path}", read_file)):
    router.add_api_route(_path, _endpoint, methods=["HEAD"], response_class=Response, include_in_schema=False)


def _file_answer(file: PageFile | None, if_none_match: str | None) -> Response:
    if file is None:
        raise ApiError(404, "the page has no such file", code="no_file", headers=SECURITY_HEADERS)
    headers = {**_HEADERS, "ETag": file.tag}
    if matches(file.tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
