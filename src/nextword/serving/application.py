"""The application: all routes of the service, with what they share and their documentation."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import State
from starlette.exceptions import HTTPException

from nextword.serving.http import schema
from nextword.serving.http.access import Access
from nextword.serving.http.service import Lifecycle, Log, Service
from nextword.serving.queue.admission import Admission
from nextword.serving.routes import completions, health, page, reload, score, suggest, tokenize
from nextword.serving.routes.health import ServingMetrics
from nextword.serving.routes.reload import Reloader
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.settings import ServingSettings
from nextword.version import __version__

ROUTES = (completions, health, tokenize, score, suggest, reload, page)
"""The modules with the routes of the service; each has a `router`."""


def create_application(
    slot: ModelSlot,
    settings: ServingSettings | None = None,
    load: Callable[[], ServedModel] | None = None,
    *,
    access: Access | None = None,
    log: Log | None = None,
) -> FastAPI:
    """Return the application that answers with the model of a slot.

    Routes find what they share in `request.app.state`. With an empty slot, the service is loading until the slot has a
    model and the lifecycle is ready; `Service` sends no request to a route that needs a model meanwhile.

    `load` loads the model again; `None` if it is in memory only. `log` receives a line for each request.
    """
    application = FastAPI(
        title="nextword",
        version=__version__,
        summary="Completions, scores and suggestions of an LSTM language model.",
        docs_url=None,  # these pages load scripts from the network
        redoc_url=None,
    )
    access = access or Access()
    _share(application.state, slot, settings or ServingSettings(), load)
    application.state.access = access
    application.add_middleware(Service, access=access, log=log)
    for error in (HTTPException, RequestValidationError):
        application.add_exception_handler(error, _leave_to_service)
    for module in ROUTES:
        application.include_router(module.router)
    schema.describe(application)
    return application


async def _leave_to_service(_request: Request, error: Exception) -> Response:
    """Let `Service` answer an error that FastAPI would answer in a shape of its own."""
    raise error


def _share(state: State, slot: ModelSlot, settings: ServingSettings, load: Callable[[], ServedModel] | None) -> None:
    state.slot = slot
    state.settings = settings
    state.admission = Admission(settings)
    state.lifecycle = Lifecycle("loading" if slot.is_empty else "ready")
    state.metrics = ServingMetrics(state)
    state.reloader = None if load is None else Reloader(slot, load)
