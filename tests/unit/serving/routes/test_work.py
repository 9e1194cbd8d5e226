"""Requests above a bound are rejected; work is admitted, runs beside the event loop, and names the model."""

import asyncio
import threading
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter

import nextword
from nextword.errors import TextError
from nextword.serving.application import create_application
from nextword.serving.http.errors import ApiError
from nextword.serving.routes.work import Answer, Work, require_at_most, require_tokens
from nextword.serving.served_model import ModelSlot
from nextword.serving.settings import ServingSettings
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.text_service import tiny_model

SETTINGS = ServingSettings(max_suggestions=10, max_prompt_tokens=4, max_scored_tokens=6)


def _with_route(work_of: Any, settings: ServingSettings | None = None) -> tuple[Any, ModelSlot]:
    """Return an application with a route that does some work, and its slot."""
    slot = ModelSlot(tiny_model(name="first"))
    application = create_application(slot, settings)
    router = APIRouter()

    @router.post("/work")
    async def route(work: Work) -> Answer:
        """Do the work."""

        def answer(served: Any) -> Answer:
            work_of(work, served)
            return Answer.of(served)

        return await work.run(answer)

    application.include_router(router)
    return application, slot


def _client(application: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url="http://localhost")


def test_work_runs_in_another_thread_and_the_answer_names_the_model() -> None:
    threads: list[int] = []
    application, slot = _with_route(lambda _work, _served: threads.append(threading.get_ident()))

    async def run() -> Any:
        async with _client(application) as client:
            return await client.post("/work")

    answer = asyncio.run(run())
    assert threads != [threading.get_ident()]
    assert answer.headers["X-Model-Hash"] == slot.current.hash
    assert answer.json() == {"model": "first", "system_fingerprint": slot.current.fingerprint}
    slot.close()


def test_values_up_to_the_bound_pass() -> None:
    require_at_most(SETTINGS, "max_suggestions", "k", 10)
    with pytest.raises(
        ApiError, match=r"`k` must be at most 10, but is 11; .* set NEXTWORD_SERVE_MAX_SUGGESTIONS"
    ) as caught:
        require_at_most(SETTINGS, "max_suggestions", "k", 11)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, "k", "above_bound")


def test_tokens_of_all_texts_count() -> None:
    tokenizer = nextword.load("austen").tokenizer
    assert require_tokens(SETTINGS, tokenizer, "text", ["it is so, "]) == 5
    assert require_tokens(SETTINGS, tokenizer, "text", []) == 0
    with pytest.raises(ApiError, match="at most 4 tokens"):
        require_tokens(SETTINGS, tokenizer, "text", ["it is so, it"])
    assert require_tokens(SETTINGS, tokenizer, "lines", ["it is", "so it"], "max_scored_tokens") == 6
    with pytest.raises(ApiError, match="at most 6 tokens"):
        require_tokens(SETTINGS, tokenizer, "lines", ["it is", "so it is", "so"], "max_scored_tokens")


def test_a_text_that_the_tokenizer_refuses_is_its_error() -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>")))
    with pytest.raises(TextError, match="reserved"):
        require_tokens(SETTINGS, tokenizer, "text", ["a <eos>"])
