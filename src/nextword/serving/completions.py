"""`/v1/completions` and `/v1/models`, in the shape of the OpenAI API."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from nextword.generation.batch import generate_texts
from nextword.generation.request import Request as TextRequest
from nextword.generation.sampling import SamplingOptions
from nextword.serving.request_body import RequestBody, StrictRoute
from nextword.serving.served_model import ModelSlot

router = APIRouter(route_class=StrictRoute)


class CompletionRequest(RequestBody):
    """A request for completions."""

    model: str
    prompt: str = ""
    max_tokens: int = 16
    temperature: float = 1.0
    seed: int | None = None


@router.post("/v1/completions")
async def create_completion(body: CompletionRequest, request: Request) -> dict[str, Any]:
    """Continue a prompt."""
    slot: ModelSlot = request.app.state.slot
    served = slot.current
    asked = TextRequest(
        max_tokens=body.max_tokens, sampling=SamplingOptions(temperature=body.temperature, seed=body.seed)
    )
    (text,) = await run_in_threadpool(generate_texts, served.model, [body.prompt], asked)
    return {"object": "text_completion", "model": served.name, "choices": [{"index": 0, "text": text.text}]}
