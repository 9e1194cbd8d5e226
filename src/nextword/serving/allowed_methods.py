"""The answer to a request whose method no route takes: the header `Allow` names the methods of all routes."""

from typing import cast

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from nextword.serving.api_error import error_table


def allowed_methods(application: FastAPI, path: str) -> list[str]:
    """Return the methods that the routes of a path take, in order of the alphabet."""
    routes: list[BaseRoute] = []
    for route in application.routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps an included router as one route
        routes += [route] if included is None else included.routes
    found = (route for route in routes if isinstance(route, Route) and route.path_regex.match(path))
    return sorted({method for route in found for method in route.methods or ()})


async def answer_wrong_method(request: Request, error: Exception) -> JSONResponse:
    """Answer 405. Without this, `Allow` has the methods of the first route of the path alone."""
    methods = allowed_methods(request.app, request.scope["path"])
    message = f"the method must be one of {', '.join(methods)} here, but is {request.method[:20]!a}"
    table = error_table(cast("HTTPException", error).status_code, message, code="wrong_method")
    return JSONResponse(table, status_code=405, headers={"Allow": ", ".join(methods)})
