"""Request bodies: strict JSON, then strict types."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from nextword.serving.api_error import ApiError
from nextword.storage import strict_json

_MAX_DEPTH = 8


class RequestBody(BaseModel):
    """Base class of request bodies: no unknown fields, no conversions between types, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class _StrictRequest(Request):
    """A request whose body is read by `strict_json`, which refuses what Python's parser lets through."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            data = await self.body()
            try:
                self._json = strict_json.parse(data, max_bytes=len(data), max_depth=_MAX_DEPTH)
            except ValueError as error:
                raise ApiError(400, f"the body {error}", code="invalid_json") from error
        return self._json


class StrictRoute(APIRoute):
    """A route whose JSON body is read strictly. Use it as `APIRouter(route_class=StrictRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route, with strict reading of the body."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict
