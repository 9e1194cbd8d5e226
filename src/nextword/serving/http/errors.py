"""Errors of the service, in the shape of the OpenAI API: `{"error": {"message", "type", "param", "code"}}`."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import BaseRoute, Route

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "overloaded_error",
    500: "server_error",
    503: "unavailable_error",
}

_NO_ROUTE = "no such route; all routes: /openapi.json"
_CHAT_PATHS = ("/v1/chat/completions", "/v1/responses")
_NO_CHAT = "the model continues texts and cannot chat; send the text as `prompt` to `/v1/completions`"

_RULES = {
    "missing": "must be given",
    "extra_forbidden": "is not a field of this route; remove it, or see `/openapi.json` for the fields",
    "not_supported": "is not supported",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
}
"""The rules by pydantic's names of its errors."""


class ApiError(HTTPException):
    """A refused request.

    Args:
        status: The HTTP status.
        message: The rule, the value and the repair.
        param: The field of the request that breaks the rule.
        code: A short name of the error for programs.
        headers: Headers of the answer, such as `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.param = param
        self.code = code

    def to_table(self) -> dict[str, Any]:
        """Return the error as JSON values."""
        return error_table(self.status_code, str(self.detail), param=self.param, code=self.code)


def error_table(status: int, message: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return an error in the shape of the OpenAI API."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_of(error: Exception) -> ApiError:
    """Return what a client is told about an error: nothing about one that is ours."""
    return error if isinstance(error, ApiError) else ApiError(500, "the service failed; its log says why")


async def answer_internal_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer after a bug of ours; the server logs it."""
    return JSONResponse(error_of(error).to_table(), status_code=500)


async def answer_api_error(request: Request, error: Exception) -> JSONResponse:
    """Answer with an `ApiError`, or with an error of the routing such as an unknown path."""
    error = cast("StarletteHTTPException", error)
    param, code = getattr(error, "param", None), getattr(error, "code", None)
    message = str(error.detail)
    if error.status_code == 404 and not isinstance(error, ApiError):
        message, code = _NO_CHAT if request.url.path in _CHAT_PATHS else _NO_ROUTE, "no_route"
    table = error_table(error.status_code, message, param=param, code=code)
    return JSONResponse(table, status_code=error.status_code, headers=error.headers)


async def answer_wrong_method(request: Request, error: Exception) -> JSONResponse:
    """Answer 405. Without this, `Allow` has the methods of the first route of the path alone."""
    methods = allowed_methods(request.app, request.scope["path"])
    message = f"the method must be one of {', '.join(methods)} here, but is {request.method[:20]!a}"
    table = error_table(cast("StarletteHTTPException", error).status_code, message, code="wrong_method")
    return JSONResponse(table, status_code=405, headers={"Allow": ", ".join(methods)})


async def answer_validation_error(request: Request, error: Exception) -> JSONResponse:
    """Answer with the first field that breaks a rule."""
    first = cast("RequestValidationError", error).errors()[0]
    param, message = field_name(first["loc"]), field_message(first)
    if param is None and not _is_json(request):
        message = "the body must be JSON; send it with the header `Content-Type: application/json`"
    return JSONResponse(error_table(400, message, param=param, code=first["type"]), status_code=400)


async def answer_nextword_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer with an error that the request caused, such as text that the tokenizer rejects."""
    return JSONResponse(error_table(400, str(error), code=type(error).__name__), status_code=400)


def allowed_methods(application: FastAPI, path: str) -> list[str]:
    """Return the methods that the routes of a path take, in order of the alphabet."""
    routes: list[BaseRoute] = []
    for route in application.routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps an included router as one route
        routes += [route] if included is None else included.routes
    found = (route for route in routes if isinstance(route, Route) and route.path_regex.match(path))
    return sorted({method for route in found for method in route.methods or ()})


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def field_message(error: Mapping[str, Any]) -> str:
    """Return the message for an error of pydantic.

    Example:
        >>> field_message({"type": "greater_than_equal", "loc": ("body", "n"), "ctx": {"ge": 1}, "input": 0, "msg": ""})
        '`n` must be at least 1, but is 0'
    """
    name = field_name(error["loc"])
    where = f"`{name}`" if name else "the body"
    rule = _RULES.get(error["type"])
    if rule is None:
        return f"{where} is refused: {error['msg'].removeprefix('Value error, ')}"
    limits = {
        name: f"{limit:.16g}" if isinstance(limit, float) else limit for name, limit in error.get("ctx", {}).items()
    }
    return f"{where} {rule.format(**limits)}{_found(error)}"


def field_name(location: Sequence[int | str]) -> str | None:
    """Return the name of a field from its location in a request.

    Example:
        >>> field_name(("body", "stop", 1))
        'stop.1'
    """
    names = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(names) or None


def _found(error: Mapping[str, Any]) -> str:
    """Return the value if it is a number; other values may be long, or private."""
    value = error.get("input")
    if (
        error["type"] in ("extra_forbidden", "not_supported")
        or isinstance(value, bool)
        or not isinstance(value, int | float)
    ):
        return ""
    return f", but is {value}"
