"""Request bodies: strict JSON, then strict types."""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
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
