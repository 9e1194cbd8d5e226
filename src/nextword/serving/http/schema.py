"""Request bodies, which are strict JSON and strict types, and the description of the service as OpenAPI."""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, FailFast, Field

from nextword.serving.http.errors import ApiError
from nextword.system import strict_json

_MAX_DEPTH = 8

FIRST_FAULT = FailFast()
"""For each list of a body: it is read to its first fault. Faults take so long that a bad list would hold up others."""


class RequestBody(BaseModel):
    """Base class of request bodies: no unknown fields, no conversions between types, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class ModelRequest(RequestBody):
    """Base class of what a model is asked."""

    model: str | None = Field(None, description="Name of the served model; may be left out.")


class _StrictRequest(Request):
    """A request whose body is read by `strict_json`, which refuses what Python's parser lets through."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            data = await self.body()
            try:
                self._json = strict_json.parse(data, max_bytes=len(data), max_depth=_MAX_DEPTH)
            except ValueError as error:
                field = bad_field(data)
                where = f"the body, at `{field}`," if field else "the body"
                raise ApiError(400, f"{where} {error}", param=field, code="invalid_json") from error
        return self._json


def bad_field(data: bytes) -> str | None:
    """Return the first field of a JSON object that `strict_json` refuses; `None` if the body is no JSON object."""
    repeated: list[str] = []

    def table_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    try:
        table = json.loads(data, object_pairs_hook=table_of)
    except (ValueError, RecursionError):
        return None
    if repeated or not isinstance(table, dict):
        return repeated[0] if repeated else None
    return next((name for name, value in table.items() if not _is_strict({name: value})), None)


def _is_strict(table: dict[str, Any]) -> bool:
    data = json.dumps(table).encode()
    try:
        strict_json.parse(data, max_bytes=len(data), max_depth=_MAX_DEPTH)
    except ValueError:
        return False
    return True


class StrictRoute(APIRoute):
    """A route whose JSON body is read strictly. Use it as `APIRouter(route_class=StrictRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route, with strict reading of the body."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


JSON = "application/json"


class ErrorDetail(BaseModel):
    """Why a request was refused."""

    message: str = Field(description="The rule, the value and the repair.")
    type: str = Field(description="Kind of the error.", examples=["invalid_request_error"])
    param: str | None = Field(default=None, description="Field of the request that breaks the rule.", examples=["k"])
    code: str | None = Field(default=None, description="Short name of the error.", examples=["above_bound"])


class ErrorAnswer(BaseModel):
    """An error in the shape of the OpenAI API."""

    error: ErrorDetail


def _error(status: int, description: str, message: str, code: str, param: str | None = None) -> Any:
    content = {JSON: {"example": json.loads(ApiError(status, message, code=code, param=param).to_json())}}
    return {status: {"model": ErrorAnswer, "description": description, "content": content}}


_ABOVE = "`k` must be at most 100, but is 500; ask for less, or set NEXTWORD_SERVE_MAX_SUGGESTIONS"

ERRORS: dict[int | str, dict[str, Any]] = {
    **_error(400, "The request breaks a rule.", _ABOVE, "above_bound", "k"),
    **_error(401, "An API key is required.", "an API key is required", "invalid_api_key"),
    **_error(403, "A foreign page sends it.", "pages of other origins may not send this", "foreign_origin"),
    **_error(408, "The request came too slowly.", "a request must arrive within 10 s", "slow_request"),
    **_error(413, "The body is too long.", "the body must be at most 1048576 bytes", "body_too_large"),
    **_error(421, "Host is foreign.", "the header Host names another service", "unknown_host"),
    **_error(429, "The service is busy.", "the service is busy; try again in 5 s", "overloaded"),
    **_error(503, "The service starts or ends.", "the service ends", "closing"),
}
"""Errors that every route can answer with; pass it as `responses`."""

NOT_FOUND: dict[int | str, dict[str, Any]] = _error(
    404, "There is no such model.", "`model` must be the served model", "model_not_found", "model"
)
"""The error of a route that finds nothing."""

NO_PAGE: dict[int | str, dict[str, Any]] = _error(404, "The model has no page.", "too many weights", "no_page_model")
"""The error of a model that no page can run."""

REFUSED_MODEL: dict[int | str, dict[str, Any]] = {
    **_error(403, "Another machine asks, and there are no API keys.", "from this machine only", "not_local"),
    **_error(409, "The new model is refused.", "the new model is refused", "model_refused"),
}
"""The errors of a reload."""

TAGS = [
    {"name": "completions", "description": "Continue texts, in the shape of the OpenAI API."},
    {"name": "tokens", "description": "Text to token ids and back."},
    {"name": "scores", "description": "How probable texts are, and which of several is the most probable."},
    {"name": "suggestions", "description": "The next word, or the rest of the word that is being typed."},
    {"name": "service", "description": "The replacement of the model."},
    {"name": "health", "description": "Whether the service lives, takes requests, and how busy it is."},
    {"name": "page", "description": "The page for the browser."},
]


def example(**fields: Any) -> ConfigDict:
    """Return the configuration of a model of pydantic with an example for the documentation."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def describe(application: FastAPI) -> None:
    """Give an application its OpenAPI description, with the errors of every route."""

    def description() -> dict[str, Any]:
        if not application.openapi_schema:
            application.openapi_schema = _complete(
                get_openapi(
                    title=application.title,
                    version=application.version,
                    summary=application.summary,
                    routes=application.routes,
                    tags=TAGS,
                )
            )
        return application.openapi_schema

    # FastAPI documents this assignment.
    application.openapi = description  # type: ignore[method-assign]


def _complete(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):  # of the answer 422, which no route gives
        components.pop(unused, None)
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            may_miss = "{" in path or path == "/v1/completions"
            _add_errors(operation["responses"], NOT_FOUND if may_miss else {})
    return schema


def _add_errors(responses: dict[str, Any], more: dict[int | str, dict[str, Any]]) -> None:
    """Add the errors that a route can answer with, unless it describes them itself."""
    responses.pop("422", None)
    for status, error in (ERRORS | more).items():
        content = {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}, **error["content"][JSON]}
        responses.setdefault(str(status), {"description": error["description"], "content": {JSON: content}})
