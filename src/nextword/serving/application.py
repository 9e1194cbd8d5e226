"""The application: all routes of the service, with their errors and documentation."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from nextword import __version__
from nextword.errors import NextwordError
from nextword.serving.admission import Admission
from nextword.serving.api_error import (
    answer_api_error,
    answer_internal_error,
    answer_nextword_error,
    answer_validation_error,
)
from nextword.serving.completions import router as completions
from nextword.serving.health import router as health
from nextword.serving.lifecycle import Lifecycle
from nextword.serving.metrics import ServingMetrics
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.serving_settings import ServingSettings
from nextword.serving.text_routes import install_text_routes

_ROUTERS: tuple[APIRouter, ...] = (completions, health)


def create_application(
    slot: ModelSlot, settings: ServingSettings | None = None, load: Callable[[], ServedModel] | None = None
) -> FastAPI:
    """Return the application that answers with the model of a slot.

    Routes find `slot`, `settings`, `admission`, `lifecycle` and `metrics` in `request.app.state`. With an empty slot,
    the service is loading until the slot has a model and the lifecycle is ready; `Service` sends no request to a route
    that needs a model meanwhile.

    Args:
        slot: Holds the model.
        settings: Bounds of the service.
        load: Loads the model again; `None` if it is in memory only.
    """
    application = FastAPI(
        title="nextword",
        version=__version__,
        summary="Completions, scores and suggestions of an LSTM language model.",
        docs_url=None,  # these pages load scripts from the network
        redoc_url=None,
    )
    application.state.slot = slot
    application.state.settings = settings or ServingSettings()
    application.state.admission = Admission(application.state.settings)
    application.state.lifecycle = Lifecycle("loading" if slot.is_empty else "ready")
    application.state.metrics = ServingMetrics(application.state)
    application.add_exception_handler(HTTPException, answer_api_error)
    application.add_exception_handler(RequestValidationError, answer_validation_error)
    application.add_exception_handler(NextwordError, answer_nextword_error)
    application.add_exception_handler(Exception, answer_internal_error)
    for router in _ROUTERS:
        application.include_router(router)
    install_text_routes(application, load)
    return application
