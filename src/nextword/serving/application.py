"""The application: all routes of the service, with their errors and documentation."""

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from nextword import __version__
from nextword.errors import NextwordError
from nextword.serving.api_error import answer_api_error, answer_nextword_error, answer_validation_error
from nextword.serving.completions import router as completions
from nextword.serving.served_model import ModelSlot
from nextword.serving.serving_settings import ServingSettings

_ROUTERS: tuple[APIRouter, ...] = (completions,)


def create_application(slot: ModelSlot, settings: ServingSettings | None = None) -> FastAPI:
    """Return the application that answers with the model of a slot.

    Routes find the slot and the settings in `request.app.state`.
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
    application.add_exception_handler(HTTPException, answer_api_error)
    application.add_exception_handler(RequestValidationError, answer_validation_error)
    application.add_exception_handler(NextwordError, answer_nextword_error)
    for router in _ROUTERS:
        application.include_router(router)
    return application
