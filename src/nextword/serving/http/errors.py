"""Errors of the service, in the shape of the OpenAI API: `{"error": {"message", "type", "param", "code"}}`."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from nextword.errors import EvaluationError, SettingError, TextError

CLIENT_LEFT = 499
"""Status of a request whose client left before the answer, as in nginx; nobody receives it."""

_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "overloaded_error", 503: "unavailable_error"}

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


class ApiError(Exception):
    """A request that the service rejects, or cannot answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def to_answer(self) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an answer with this error."""
        body = self.to_json()
        return {"content-type": "application/json", "content-length": str(len(body)), **self.headers}, body

    def to_bytes(self) -> bytes:
        """Return an answer with this error that closes the connection, as it goes over the wire."""
        headers, body = self.to_answer()
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in {**headers, "connection": "close"}.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def to_json(self) -> bytes:
        """Return the error as the body of an answer, or as the data of an event."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        detail = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return json.dumps({"error": detail}).encode()


def error_of(error: Exception, scope: Scope) -> ApiError:
    """Return what the client of a request learns about an error: nothing if it is no fault of the request."""
    match error:
        case ApiError():
            return error
        case HTTPException(__cause__=ApiError() as cause):  # FastAPI wraps what fails while it reads the body
            return cause
        case HTTPException():
            return _of_routing(error, scope)
        case RequestValidationError():
            return _of_validation(error, scope)
        case SettingError() | TextError() | EvaluationError():  # by the request, such as text that no tokenizer takes
            return ApiError(400, str(error), code=type(error).__name__)
    return ApiError(500, "the service failed; its log says where", code="internal_error")


def _of_routing(error: HTTPException, scope: Scope) -> ApiError:
    if error.status_code == 404:
        return ApiError(404, _NO_CHAT if scope["path"] in _CHAT_PATHS else _NO_ROUTE, code="no_route")
    if error.status_code == 405:
        methods = ", ".join(allowed_methods(scope))
        message = f"the method must be one of {methods} here, but is {scope['method'][:20]!a}"
        return ApiError(405, message, code="wrong_method", headers={"Allow": methods})
    return ApiError(error.status_code, str(error.detail), headers=error.headers)


def _of_validation(error: RequestValidationError, scope: Scope) -> ApiError:
    first = error.errors()[0]
    param, message = field_name(first["loc"]), field_message(first)
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if param is None and not is_json:
        message = "the body must be JSON; send it with the header `Content-Type: application/json`"
    return ApiError(400, message, param=param, code=first["type"])


def allowed_methods(scope: Scope) -> list[str]:
    """Return the methods that the routes of a path take, in alphabetical order; Starlette names those of one route."""
    routes: list[BaseRoute] = []
    for route in scope["app"].routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps an included router as one route
        routes += [route] if included is None else included.routes
    matching = (route for route in routes if isinstance(route, Route) and route.path_regex.match(scope["path"]))
    return sorted({method for route in matching for method in route.methods or ()})


def field_message(error: Mapping[str, Any]) -> str:
    """Return the message for an error of pydantic."""
    name = field_name(error["loc"])
    where = f"`{name}`" if name else "the body"
    rule = _RULES.get(error["type"])
    if rule is None:
        return f"{where} is refused: {error['msg'].removeprefix('Value error, ')}"
    limits = {
        name: f"{limit:.16g}" if isinstance(limit, float) else limit for name, limit in error.get("ctx", {}).items()
    }
    return f"{where} {rule.format(**limits)}{_value_of(error)}"


def field_name(location: Sequence[int | str]) -> str | None:
    """Return the name of a field from its location in a request."""
    names = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(names) or None


def _value_of(error: Mapping[str, Any]) -> str:
    """Return the value if it is a number; other values may be long, or private."""
    value = error.get("input")
    if (
        error["type"] in ("extra_forbidden", "not_supported")
        or isinstance(value, bool)
        or not isinstance(value, int | float)
    ):
        return ""
    return f", but is {value}"
