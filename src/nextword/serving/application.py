"""The application: all routes of the service, with what they share, their errors and their documentation."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from nextword import __version__
from nextword.errors import NextwordError
from nextword.serving.http import openapi
from nextword.serving.http.errors import (
    answer_api_error,
    answer_internal_error,
    answer_nextword_error,
    answer_validation_error,
    answer_wrong_method,
)
from nextword.serving.http.lifecycle import Lifecycle
from nextword.serving.http.metrics import ServingMetrics
from nextword.serving.queue.admission import Admission
from nextword.serving.routes import health, reload
from nextword.serving.routes import page as page_routes
from nextword.serving.routes import rank as rank_routes
from nextword.serving.routes import rescore as rescore_routes
from nextword.serving.routes import score as score_routes
from nextword.serving.routes import suggest as suggest_routes
from nextword.serving.routes import tokenize as tokenize_routes
from nextword.serving.routes.completions import routes as completion_routes
from nextword.serving.routes.page_files import PageFiles
from nextword.serving.routes.reload import Reloader
from nextword.serving.routes.sessions import Sessions
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.settings import ServingSettings

_ROUTERS: tuple[APIRouter, ...] = (
    completion_routes.router,
    health.router,
    tokenize_routes.router,
    score_routes.router,
    rescore_routes.router,
    rank_routes.router,
    suggest_routes.router,
    reload.router,
    page_routes.router,
)


def create_application(
    slot: ModelSlot, settings: ServingSettings | None = None, load: Callable[[], ServedModel] | None = None
) -> FastAPI:
    """Return the application that answers with the model of a slot.

    Routes find what they share in `request.app.state`. With an empty slot, the service is loading until the slot has a
    model and the lifecycle is ready; `Service` sends no request to a route that needs a model meanwhile.

    Args:
        slot: Holds the model.
        settings: Bounds of the service.
        load: Loads the model again, such as `ModelSource.load`; `None` if it is in memory only.
    """
    application = FastAPI(
        title="nextword",
        version=__version__,
        summary="Completions, scores and suggestions of an LSTM language model.",
        docs_url=None,  # these pages load scripts from the network
        redoc_url=None,
    )
    _share(application, slot, settings or ServingSettings(), load)
    application.add_exception_handler(HTTPException, answer_api_error)
    application.add_exception_handler(RequestValidationError, answer_validation_error)
    application.add_exception_handler(NextwordError, answer_nextword_error)
    application.add_exception_handler(405, answer_wrong_method)
    application.add_exception_handler(Exception, answer_internal_error)
    for router in _ROUTERS:
        application.include_router(router)
    openapi.describe(application)
    return application


def _share(
    application: FastAPI, slot: ModelSlot, settings: ServingSettings, load: Callable[[], ServedModel] | None
) -> None:
    state = application.state
    state.slot = slot
    state.settings = settings
    state.admission = Admission(settings)
    state.lifecycle = Lifecycle("loading" if slot.is_empty else "ready")
    state.metrics = ServingMetrics(state)
    state.sessions = Sessions(settings)
    state.page_files = PageFiles()
    state.reloader = None if load is None else Reloader(slot, load, state.sessions.let_go)
