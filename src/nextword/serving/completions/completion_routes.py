"""`/v1/completions` and `/v1/models`, in the shape of the OpenAI API."""

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from nextword.errors import TextError
from nextword.serving.api_error import ApiError, error_of
from nextword.serving.completions.completion_answer import AnswerWriter, Completion, usage_table
from nextword.serving.completions.completion_prompt import Prompt
from nextword.serving.completions.completion_request import CompletionRequest, check_bounds, check_lengths
from nextword.serving.completions.completion_run import CompletionRun
from nextword.serving.completions.completion_text import Segment, joined_segments
from nextword.serving.completions.event_stream import EventStream
from nextword.serving.request_body import StrictRoute
from nextword.serving.scheduling.admission import Admission
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.text.off_loop import off_loop

router = APIRouter(route_class=StrictRoute)

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

_LOG = logging.getLogger(__name__)


@router.post("/v1/completions", response_model=Completion)
async def create_completion(body: CompletionRequest, request: Request) -> Response:
    """Continue prompts, or score them with `echo` and `logprobs`.

    With `stream`, the answer is a stream of server-sent events, each with the next part of a text, and `[DONE]` as
    the last one.
    """
    slot: ModelSlot = request.app.state.slot
    admission: Admission = request.app.state.admission
    settings = request.app.state.settings
    served = slot.named(body.model)
    check_bounds(body, settings)
    prompts = await off_loop(sum(map(len, body.prompts)), _prompts, served, body)
    check_lengths(body, [len(prompt.ids) for prompt in prompts], settings)
    run = CompletionRun(served, body, prompts)
    writer = AnswerWriter(served, with_logprobs=body.logprobs is not None)
    if body.stream:
        return EventStream(_events(run, body, writer), admission, num_texts=run.num_texts, headers=served.headers)
    answer = await admission.run(request, lambda: _answer(run, writer), num_texts=run.num_texts)
    return Response(answer, media_type="application/json", headers=served.headers)


@router.get("/v1/models")
async def list_models(request: Request) -> Response:
    """List the served model."""
    served: ServedModel = request.app.state.slot.current
    return JSONResponse({"object": "list", "data": [_model_table(served)]}, headers=served.headers)


@router.get("/v1/models/{name}")
async def show_model(name: str, request: Request) -> Response:
    """Describe the served model."""
    served: ServedModel = request.app.state.slot.named(name)
    return JSONResponse(_model_table(served), headers=served.headers)


def _model_table(served: ServedModel) -> dict[str, Any]:
    return {"id": served.name, "object": "model", "created": served.created, "owned_by": "nextword"}


def _prompts(served: ServedModel, body: CompletionRequest) -> list[Prompt]:
    tokenizer, is_complete = served.model.tokenizer, not body.num_tokens
    try:
        return [
            Prompt.of_text(tokenizer, prompt, is_complete=is_complete)
            if isinstance(prompt, str)
            else Prompt.of_ids(tokenizer, prompt)
            for prompt in body.prompts
        ]
    except TextError as error:
        raise ApiError(400, f"`prompt` is refused: {error}", param="prompt", code="invalid_prompt") from error


async def _answer(run: CompletionRun, writer: AnswerWriter) -> bytes:
    segments: list[list[Segment]] = [[] for _ in range(run.num_texts)]
    endings = {}
    async with aclosing(run.parts(streams=False)) as parts:
        async for some in parts:
            for part in some:
                segments[part.number].append(part.segment)
                endings[part.number] = part.ending

    def written() -> bytes:
        choices = [
            writer.choice(index, joined_segments(segments[number]), endings[number])
            for index, number in enumerate(run.best())
        ]
        return _dumped(writer.answer(choices, usage_table(run.num_prompt_tokens, run.num_tokens))).encode()

    num_scores = sum(len(token.top or ()) + 1 for some in segments for segment in some for token in segment.tokens)
    return await off_loop(num_scores, written)


async def _events(run: CompletionRun, body: CompletionRequest, writer: AnswerWriter) -> AsyncGenerator[list[str]]:
    """Yield the data of the events, all that are there at once; a failure is the last event."""
    try:
        async with aclosing(run.parts(streams=True)) as parts:
            async for some in parts:
                shown = [part for part in some if part.segment.tokens or part.segment.text or part.ending]
                if shown:
                    yield [_dumped(writer.answer([writer.choice(*part)])) for part in shown]
        if body.stream_options is not None and body.stream_options.include_usage:
            yield [_dumped(writer.answer([], usage_table(run.num_prompt_tokens, run.num_tokens)))]
        yield ["[DONE]"]
    except Exception as error:  # the status is sent already
        if not isinstance(error, ApiError):
            _LOG.exception("a stream failed")
        yield [_dumped(error_of(error).to_table())]


def _dumped(table: dict[str, Any]) -> str:
    return _ENCODER.encode(table)
