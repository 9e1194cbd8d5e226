"""Errors of the service, in the shape of the OpenAI API: `{"error": {"message", "type", "param", "code"}}`."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "overloaded_error",
    500: "server_error",
    503: "unavailable_error",
}


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


async def answer_api_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer with an `ApiError`, or with an error of the routing such as an unknown path."""
    error = cast("StarletteHTTPException", error)
    param, code = getattr(error, "param", None), getattr(error, "code", None)
    table = error_table(error.status_code, str(error.detail), param=param, code=code)
    return JSONResponse(table, status_code=error.status_code, headers=error.headers)


async def answer_validation_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer with the first field that breaks a rule."""
    first = cast("RequestValidationError", error).errors()[0]
    param = field_name(first["loc"])
    where = f"`{param}` " if param else "the body "
    message = f"{where}is refused: {first['msg'].removeprefix('Value error, ')}"
    return JSONResponse(error_table(400, message, param=param, code=first["type"]), status_code=400)


async def answer_nextword_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer with an error that the request caused, such as text that the tokenizer rejects."""
    return JSONResponse(error_table(400, str(error), code=type(error).__name__), status_code=400)


def field_name(location: Sequence[int | str]) -> str | None:
    """Return the name of a field from its location in a request.

    Example:
        >>> field_name(("body", "stop", 1))
        'stop.1'
    """
    names = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(names) or None
