"""The routes over text, the page and the reload, and what they need in the application."""

from fastapi import APIRouter, FastAPI

from nextword.serving import openapi, page_routes, rank_routes, reload, rescore_routes, score_routes, suggest_routes
from nextword.serving import tokenize_routes
from nextword.serving.bigrams import BigramCache
from nextword.serving.model_loader import ModelLoader
from nextword.serving.page_model import PageModels
from nextword.serving.reload import Reloader
from nextword.serving.served_model import ModelSlot
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


def install_text_routes(application: FastAPI, loader: ModelLoader | None) -> None:
    """Add the routes to an application whose state has `slot` and `settings`.

    The state gets `sessions`, `bigrams`, `page_models` and `reloader`.

    Args:
        application: The application.
        loader: Loads the model again; `None` if that is impossible.
    """
    state = application.state
    slot: ModelSlot = state.slot
    settings: ServingSettings = state.settings
    state.sessions = Sessions(settings)
    state.bigrams = BigramCache()
    state.page_models = PageModels(state.bigrams)
    state.reloader = None if loader is None else Reloader(slot, loader.load, state.sessions.let_go)
    for router in ROUTERS:
        application.include_router(router)
    openapi.describe(application)
