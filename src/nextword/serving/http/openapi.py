"""The description of the service as OpenAPI: tags, errors, examples, and which answers a route can give."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

JSON = "application/json"

_MODEL = {"id": "austen", "object": "model", "created": 1795000000, "owned_by": "nextword"}
_COMPLETION = {
    "id": "cmpl-5f2e", "object": "text_completion", "created": 1795000000, "model": "austen",
    "system_fingerprint": "austen-6a1713da6ded",
    "choices": [{"index": 0, "text": " acknowledged, that", "logprobs": None, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 6, "completion_tokens": 3, "total_tokens": 9},
}  # fmt: skip

_GIVEN: Mapping[str, tuple[Any, Any]] = {
    "/v1/completions": ({"model": "austen", "prompt": "It is a truth universally", "max_tokens": 3}, _COMPLETION),
    "/v1/models": (None, {"object": "list", "data": [_MODEL]}),
    "/v1/models/{name}": (None, _MODEL),
}
"""Examples of the request and the answer of routes in the shape of the OpenAI API."""


class ErrorDetail(BaseModel):
    """Why a request was refused."""

    message: str = Field(description="The rule, the value and the repair.")
    type: str = Field(description="Kind of the error.", examples=["invalid_request_error"])
    param: str | None = Field(default=None, description="Field of the request that breaks the rule.", examples=["k"])
    code: str | None = Field(default=None, description="Short name of the error.", examples=["above_bound"])


class ErrorAnswer(BaseModel):
    """An error in the shape of the OpenAI API."""

    error: ErrorDetail


def _error(status: int, description: str, message: str, kind: str, code: str, param: str | None = None) -> Any:
    detail = {"message": message, "type": kind, "param": param, "code": code}
    content = {JSON: {"example": {"error": detail}}}
    return {status: {"model": ErrorAnswer, "description": description, "content": content}}


_INVALID, _ABSENT = "invalid_request_error", "not_found_error"
_ABOVE = "`k` must be at most 100, but is 500; ask for less, or set NEXTWORD_SERVE_MAX_SUGGESTIONS"

ERRORS: dict[int | str, dict[str, Any]] = {
    **_error(400, "The request breaks a rule.", _ABOVE, _INVALID, "above_bound", "k"),
    **_error(401, "An API key is required.", "an API key is required", "authentication_error", "invalid_api_key"),
    **_error(403, "A foreign page sends it.", "pages of other origins may not send this", _INVALID, "foreign_origin"),
    **_error(408, "The request came too slowly.", "a request must arrive within 10 s", _INVALID, "slow_request"),
    **_error(413, "The body is too long.", "the body must be at most 1048576 bytes", _INVALID, "body_too_large"),
    **_error(421, "Host is foreign.", "the header Host names another service", _INVALID, "unknown_host"),
    **_error(429, "The service is busy.", "the service is busy; try again in 5 s", "overloaded_error", "overloaded"),
    **_error(503, "The service starts or ends.", "the service ends", "unavailable_error", "closing"),
}
"""Errors that every route can answer with; pass it as `responses`."""

NOT_FOUND: dict[int | str, dict[str, Any]] = _error(
    404, "There is no such thing.", "there is no such session; begin one", _ABSENT, "no_session", "session"
)
"""The error of a route that finds nothing."""

NO_PAGE: dict[int | str, dict[str, Any]] = _error(
    404, "There is no such file.", "the page has no such file", _ABSENT, "no_file"
)
"""The error of a file of the page that is not there."""

REFUSED_MODEL: dict[int | str, dict[str, Any]] = {
    **_error(403, "Another machine asks, and there are no API keys.", "from this machine only", _INVALID, "not_local"),
    **_error(409, "The new model is refused.", "the new model is refused", _INVALID, "model_refused"),
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
    """Return the configuration of a request body with an example for the documentation."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def describe(application: FastAPI) -> None:
    """Give an application its OpenAPI description, with the errors and an example of every route."""

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
            operation.setdefault("tags", ["completions"])
            add_given(path, operation)
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                add_example(part.get("content", {}), components)
    return schema


def _add_errors(responses: dict[str, Any], more: dict[int | str, dict[str, Any]]) -> None:
    """Add the errors that a route can answer with, unless it describes them itself."""
    responses.pop("422", None)
    for status, error in (ERRORS | more).items():
        content = {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}, **error["content"][JSON]}
        responses.setdefault(str(status), {"description": error["description"], "content": {JSON: content}})


def add_given(path: str, operation: dict[str, Any]) -> None:
    """Add the examples of a route that are written here, unless it has some."""
    request, answer = _GIVEN.get(path, (None, None))
    bodies = ((operation.get("requestBody", {}), request), (operation["responses"].get("200", {}), answer))
    for body, example in bodies:
        if example is not None and JSON in body.get("content", {}):
            body["content"][JSON].setdefault("example", example)


def add_example(content: dict[str, Any], components: Mapping[str, Any]) -> None:
    """Give a JSON body an example made of those of its fields, unless it has one.

    Args:
        content: The entry `content` of a request or an answer.
        components: The schemas by name.
    """
    media = content.get(JSON)
    if media is None or "example" in media or "examples" in media:
        return
    schema = _resolved(media.get("schema", {}), components)
    if "examples" in schema:  # of a request body, which its class gives
        media["example"] = schema["examples"][0]
    elif schema:
        media["example"] = example_of(schema, components)


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """Return an example of a schema: its own, its default, or one made of the examples of its parts.

    Example:
        >>> components = {"Word": {"properties": {"text": {"examples": ["obliged"]}}}}
        >>> example_of({"type": "array", "items": {"$ref": "#/components/schemas/Word"}}, components)
        [{'text': 'obliged'}]
    """
    schema = _resolved(schema, components)
    if schema.get("examples"):
        return schema["examples"][0]
    for name in ("const", "default"):
        if schema.get(name) is not None:
            return schema[name]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components)
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {name: example_of(part, components) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], components)]
    return {"string": "It is a truth.", "integer": 1, "number": 1.0, "boolean": False, "object": {}}.get(
        str(schema.get("type"))
    )


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema, or the one that it refers to with what it adds."""
    if "$ref" not in schema:
        return schema
    return {**components[schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
