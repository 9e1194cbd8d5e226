"""The routes over text, the page and the reload, and what they need in the application."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI

from nextword.serving import (
    openapi,
    page_routes,
    rank_routes,
    reload,
    rescore_routes,
    score_routes,
    suggest_routes,
    tokenize_routes,
)
from nextword.serving.allowed_methods import answer_wrong_method
from nextword.serving.bigrams import BigramCache
from nextword.serving.page_files import PageFiles
from nextword.serving.page_model import PageModels
from nextword.serving.reload import Reloader
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.serving_settings import ServingSettings
from nextword.serving.sessions import Sessions

ROUTERS: tuple[APIRouter, ...] = (
    tokenize_routes.router,
    score_routes.router,
    rescore_routes.router,
    rank_routes.router,
    suggest_routes.router,
    reload.router,
    page_routes.router,
)


def install_text_routes(application: FastAPI, load: Callable[[], ServedModel] | None = None) -> None:
    """Add the routes to an application whose state has `slot` and `settings`.

    The state gets `sessions`, `bigrams`, `page_files`, `page_models` and `reloader`.

    Args:
        application: The application.
        load: Loads the model again, such as `ModelSource.load`; `None` if it is in memory only.
    """
    state = application.state
    slot: ModelSlot = state.slot
    settings: ServingSettings = state.settings
    state.sessions = Sessions(settings)
    state.bigrams = BigramCache()
    state.page_files = PageFiles()
    state.page_models = PageModels()
    state.reloader = None if load is None else Reloader(slot, load, state.sessions.let_go)
    for router in ROUTERS:
        application.include_router(router)
    application.add_exception_handler(405, answer_wrong_method)
    openapi.describe(application)
