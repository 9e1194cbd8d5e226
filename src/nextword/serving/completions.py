"""`/v1/completions` and `/v1/models`, in the shape of the OpenAI API."""

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from nextword.errors import TextError
from nextword.serving.admission import Admission
from nextword.serving.api_error import ApiError, error_of
from nextword.serving.completion_answer import AnswerWriter, Completion, usage_table
from nextword.serving.completion_prompt import Prompt
from nextword.serving.completion_request import CompletionRequest, check_bounds, check_lengths
from nextword.serving.completion_run import CompletionRun
from nextword.serving.completion_text import Segment
from nextword.serving.event_stream import EventStream
from nextword.serving.request_body import StrictRoute
from nextword.serving.served_model import ModelSlot, ServedModel

router = APIRouter(route_class=StrictRoute)

_LONG_PROMPT = 4096
"""Characters of a prompt that is encoded in a thread, because the event loop would stand still."""

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
    served = served_model(slot, body.model)
    check_bounds(body, settings)
    prompts = await _prompts(served, body)
    check_lengths(body, [len(prompt.ids) for prompt in prompts], settings)
    run = CompletionRun(served, body, prompts)
    writer = AnswerWriter(served, with_logprobs=body.logprobs is not None)
    if body.stream:
        return EventStream(_events(run, body, writer), admission, num_texts=run.num_texts, headers=served.headers)
    answer = await admission.run(request, lambda: _answer(run, writer), num_texts=run.num_texts)
    return JSONResponse(answer, headers=served.headers)


@router.get("/v1/models")
async def list_models(request: Request) -> Response:
    """List the served model."""
    served: ServedModel = request.app.state.slot.current
    return JSONResponse({"object": "list", "data": [_model_table(served)]}, headers=served.headers)


@router.get("/v1/models/{name}")
async def show_model(name: str, request: Request) -> Response:
    """Describe the served model."""
    served = served_model(request.app.state.slot, name)
    return JSONResponse(_model_table(served), headers=served.headers)


def served_model(slot: ModelSlot, name: str) -> ServedModel:
    """Return the served model, if it has this name.

    Raises:
        ApiError: It has another one (404).
    """
    if name != slot.current.name:
        message = f"`model` must be the served model, {slot.current.name!r}, but is {name[:100]!r}; see `/v1/models`"
        raise ApiError(404, message, param="model", code="model_not_found")
    return slot.current


def _model_table(served: ServedModel) -> dict[str, Any]:
    return {"id": served.name, "object": "model", "created": served.created, "owned_by": "nextword"}


async def _prompts(served: ServedModel, body: CompletionRequest) -> list[Prompt]:
    tokenizer, found = served.model.tokenizer, []
    for prompt in body.prompts:
        try:
            if not isinstance(prompt, str):
                found.append(Prompt.of_ids(tokenizer, prompt))
            elif len(prompt) <= _LONG_PROMPT:
                found.append(Prompt.of_text(tokenizer, prompt, is_complete=not body.num_tokens))
            else:
                is_complete = not body.num_tokens
                found.append(await served.run(Prompt.of_text, tokenizer, prompt, is_complete=is_complete))
        except TextError as error:
            raise ApiError(400, f"`prompt` is refused: {error}", param="prompt", code="invalid_prompt") from error
    return found


async def _answer(run: CompletionRun, writer: AnswerWriter) -> dict[str, Any]:
    segments: list[list[Segment]] = [[] for _ in range(run.num_texts)]
    endings = {}
    async with aclosing(run.parts(streams=False)) as parts:
        async for part in parts:
            segments[part.number].append(part.segment)
            endings[part.number] = part.ending
    choices = []
    for index, number in enumerate(run.best()):
        whole = Segment(
            "".join(segment.text for segment in segments[number]),
            tuple(token for segment in segments[number] for token in segment.tokens),
        )
        choices.append(writer.choice(index, whole, endings[number]))
    return writer.answer(choices, usage_table(run.num_prompt_tokens, run.num_tokens))


async def _events(run: CompletionRun, body: CompletionRequest, writer: AnswerWriter) -> AsyncGenerator[str]:
    """Yield the data of each event; a failure is the last event."""
    try:
        async with aclosing(run.parts(streams=True)) as parts:
            async for part in parts:
                if part.segment.tokens or part.segment.text or part.ending:
                    yield _dumped(writer.answer([writer.choice(part.number, part.segment, part.ending)]))
        if body.stream_options is not None and body.stream_options.include_usage:
            yield _dumped(writer.answer([], usage_table(run.num_prompt_tokens, run.num_tokens)))
        yield "[DONE]"
    except Exception as error:  # the status is sent already
        if not isinstance(error, ApiError):
            _LOG.exception("a stream failed")
        yield _dumped(error_of(error).to_table())


def _dumped(table: dict[str, Any]) -> str:
    return json.dumps(table, ensure_ascii=False, separators=(",", ":"))
