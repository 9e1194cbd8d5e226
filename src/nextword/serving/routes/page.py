"""The page at `/`: its files, what it shows of the model, and the model that it can run itself."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from nextword.bundle.run_directory import LOG_FILE, METRICS_FILE, read_split_metrics
from nextword.display.page.model_page import held_out_passage
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import PageFacts, card_elements, curve_chart, page_figures, page_unit, read_curve
from nextword.errors import CheckpointError, NextwordError
from nextword.serving.http.body import StrictRoute
from nextword.serving.http.errors import ApiError
from nextword.serving.http.openapi import ERRORS, NO_PAGE
from nextword.serving.routes.suggest import BigramSource
from nextword.serving.routes.work import EXAMPLE_HASH, Work
from nextword.serving.served_model import ServedModel


class _PageValue(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class PageDescription(_PageValue):
    """A model as the page shows it."""

    name: str = Field(description="Name of the model.", examples=["austen"])
    hash: str = Field(description="SHA-256 of its weights, and of its mixture if it is used.", examples=[EXAMPLE_HASH])
    summary: str = Field(description="The model in a few words.", examples=["LSTM 416-208, 9,878 words"])
    unit: Literal["word", "subword", "character"] = Field(description="What a token is.", examples=["word"])
    vocabulary_size: int = Field(description="Number of tokens in the vocabulary.", examples=[9878])
    card: list[Any] = Field(
        description="The model card: texts, and elements as their name and content.", examples=[[["h2", "austen"]]]
    )
    figures: dict[str, str] = Field(description="Figures by their label.", examples=[{"parameters": "3,624,502"}])
    chart: list[Any] | None = Field(
        description="The training curve, as an element with its attributes; null if there is no log.",
        examples=[["svg", {"viewBox": "0 0 500 260"}]],
    )
    passage: str | None = Field(
        description="Held-out text, about a page; null if it cannot be read.", examples=["She was"]
    )
    bigram_source: BigramSource = Field(
        description="What bigram suggestions come from: counts of the training text, or the model itself."
    )


def packed_model(served: ServedModel) -> bytes:
    """Return a model as the page runs it: with its mixture, and without other methods after training.

    Raises:
        ApiError: The page cannot run such a model, or its files are gone (404).
    """
    try:
        return pack_model(served.bundle, facts=PageFacts(model_hash=served.hash))
    except NextwordError as error:
        raise ApiError(404, f"the page cannot run this model: {error}", code="no_page_model") from error


def description_of(served: ServedModel) -> PageDescription:
    """Return what the page shows of a model. It reads the text of the model whole, once."""
    tokenizer, methods = served.model.tokenizer, {"methods": served.methods} if served.methods else {}
    curve = _rows(read_curve, served.text.origin.run, LOG_FILE)
    return PageDescription(
        name=served.name,
        hash=served.hash,
        summary=served.bundle.summary,
        unit=page_unit(tokenizer),
        vocabulary_size=tokenizer.vocabulary_size,
        card=card_elements(served.bundle.card),
        figures=page_figures(served.bundle, _rows(read_split_metrics, served.text.origin.run, METRICS_FILE)) | methods,
        chart=curve_chart(curve),
        passage=_passage(served),
        bigram_source="text" if served.text.is_readable() else "model",
    )


def _passage(served: ServedModel) -> str | None:
    try:
        return held_out_passage(served.text) or None
    except (NextwordError, OSError):
        return None


def _rows[Row](read: Callable[[Path], Sequence[Row]], run: Path | None, name: str) -> Sequence[Row]:
    """Return what a file of the run says; nothing if it is damaged, or the model is not in a run."""
    try:
        return () if run is None else read(run / name)
    except CheckpointError:
        return ()


router = APIRouter(route_class=StrictRoute, tags=["page"], responses=ERRORS)

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""The kinds of files that are served; any other file in the folder is not."""

_MAX_BYTES = 2**24

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


@dataclass(frozen=True)
class PageFile:
    """A file of the page."""

    content: bytes
    media_type: str
    tag: str


class PageFiles:
    """The files below a folder, by name such as `js/app.js`. A request can only name what is in the list."""

    def __init__(self, root: Traversable | None = None) -> None:
        self._root = root

    def find(self, name: str) -> PageFile | None:
        """Return a file, or `None` if there is none of this name."""
        return self._files.get(name)

    @cached_property
    def _files(self) -> Mapping[str, PageFile]:
        root = files("nextword.display.page") / "site" if self._root is None else self._root
        return {name: _read(name, file) for name, file in _below(root, "")}


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _below(entry, f"{name}/")
        elif PurePosixPath(name).suffix in TYPES:
            yield name, entry


def _read(name: str, file: Traversable) -> PageFile:
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES)
    return PageFile(content, TYPES[PurePosixPath(name).suffix], tag_of(hashlib.sha256(content).hexdigest()))


def tag_of(digest: str) -> str:
    """Return the `ETag` of content with this digest."""
    return f'"{digest[:32]}"'


def matches(tag: str, header: str | None) -> bool:
    """Return whether a header `If-None-Match` names a tag."""
    return header is not None and (
        header.strip() == "*" or tag in [known.strip().removeprefix("W/") for known in header.split(",")]
    )


Tag = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]
FileName = Annotated[
    str, PathParameter(description="Name of the file.", examples=["js/served_page.js"], max_length=200)
]


async def files_of(request: Request) -> PageFiles:
    """Return the files of the page."""
    return cast("PageFiles", request.app.state.page_files)


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
