"""`/v1/completions` and `/v1/models`, in the shape of the OpenAI API."""

import json
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Literal, override

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from nextword.errors import TextError
from nextword.serving.http.errors import ApiError
from nextword.serving.http.schema import ERRORS, StrictRoute, example
from nextword.serving.queue.admission import Admission, unless_left
from nextword.serving.routes.completion_run import (
    CompletionRequest,
    CompletionRun,
    FinishReason,
    check_bounds,
    check_lengths,
)
from nextword.serving.routes.completion_text import Prompt, ShownText, ShownToken, joined
from nextword.serving.routes.work import Work, off_loop
from nextword.serving.served_model import ModelSlot, ServedModel

router = APIRouter(route_class=StrictRoute, tags=["completions"], responses=ERRORS)

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

LOWEST_LOG_PROB = -9999.0
"""Stands for the log-probability of what is impossible, because JSON has no infinity."""


class Logprobs(BaseModel):
    """Log-probabilities of a text; the lists have an entry for each token."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class Choice(BaseModel):
    """A text."""

    index: int
    text: str
    logprobs: Logprobs | None = None
    finish_reason: FinishReason | None = None


class Usage(BaseModel):
    """Numbers of tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """An answer, or an event of a streamed one."""

    model_config = example(
        id="cmpl-5f2e",
        object="text_completion",
        created=1795000000,
        model="austen",
        system_fingerprint="austen-6a1713da6ded",
        choices=[{"index": 0, "text": " acknowledged, that", "logprobs": None, "finish_reason": "length"}],
        usage={"prompt_tokens": 6, "completion_tokens": 3, "total_tokens": 9},
    )

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: Usage | None = None


_MODEL = {"id": "austen", "object": "model", "created": 1795000000, "owned_by": "nextword"}


class ModelEntry(BaseModel):
    """The served model, in OpenAI's shape."""

    model_config = example(**_MODEL)

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "nextword"


class ModelList(BaseModel):
    """The served models: one."""

    model_config = example(object="list", data=[_MODEL])

    object: Literal["list"] = "list"
    data: list[ModelEntry]


class AnswerWriter:
    """Writes an answer, or the events of one."""

    def __init__(self, served: ServedModel, *, with_logprobs: bool) -> None:
        self._with_logprobs = with_logprobs
        self._offsets: dict[int, int] = {}
        self._head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": served.name,
            "system_fingerprint": served.fingerprint,
        }

    def answer(self, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> dict[str, Any]:
        """Return an answer, or an event."""
        return {**self._head, "choices": choices, "usage": usage}

    def choice(self, index: int, shown: ShownText, ending: FinishReason | None) -> dict[str, Any]:
        """Return the next part of a text."""
        offset = self._offsets.get(index, 0)
        self._offsets[index] = offset + len(shown.text)
        logprobs = logprobs_table(shown.tokens, offset) if self._with_logprobs else None
        return {"index": index, "text": shown.text, "logprobs": logprobs, "finish_reason": ending}


class EventStream(Response):
    """Sends events as they come, with slots of the engine in hand, until the client leaves.

    An error is left to `Service`: before the first event it is the whole answer, after it the last event.

    Args:
        events: Gives the data of the events, each in one line, and all that are there at once. They are one write, so
            a client that has left costs one in vain.
        admission: Gives the slots.
        num_texts: Texts that the engine works on.
        headers: Headers of the answer.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[list[str]], admission: Admission, *, num_texts: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers})
        del self.headers["content-length"]
        self._events = events
        self._admission = admission
        self._num_texts = num_texts

    @override
    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await unless_left(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events) as events, self._admission.slots(self._num_texts):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for batch in events:
                data = "".join(f"data: {event}\n\n" for event in batch).encode()
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


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
async def list_models(work: Work) -> ModelList:
    """List the served model."""
    return ModelList(data=[_entry(work.model())])


@router.get("/v1/models/{name}")
async def show_model(name: str, work: Work) -> ModelEntry:
    """Describe the served model."""
    return _entry(work.model(name))


def _entry(served: ServedModel) -> ModelEntry:
    return ModelEntry(id=served.name, created=served.created)


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
    texts: list[list[ShownText]] = [[] for _ in range(run.num_texts)]
    endings = {}
    async with aclosing(run.parts(streams=False)) as parts:
        async for batch in parts:
            for part in batch:
                texts[part.number].append(part.shown)
                endings[part.number] = part.ending

    def written() -> bytes:
        choices = [
            writer.choice(index, joined(texts[number]), endings[number]) for index, number in enumerate(run.best())
        ]
        return _dumped(writer.answer(choices, usage_table(run.num_prompt_tokens, run.num_tokens))).encode()

    num_scores = sum(
        len(token.top or ()) + 1 for parts_of_text in texts for part in parts_of_text for token in part.tokens
    )
    return await off_loop(num_scores, written)


async def _events(run: CompletionRun, body: CompletionRequest, writer: AnswerWriter) -> AsyncGenerator[list[str]]:
    """Yield the data of the events, all that are there at once."""
    async with aclosing(run.parts(streams=True)) as parts:
        async for batch in parts:
            news = [part for part in batch if part.shown.tokens or part.shown.text or part.ending]
            if news:
                yield [_dumped(writer.answer([writer.choice(*part)])) for part in news]
    if body.stream_options is not None and body.stream_options.include_usage:
        yield [_dumped(writer.answer([], usage_table(run.num_prompt_tokens, run.num_tokens)))]
    yield ["[DONE]"]


def _dumped(table: dict[str, Any]) -> str:
    return _ENCODER.encode(table)


def usage_table(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Return the numbers of tokens."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def logprobs_table(tokens: tuple[ShownToken, ...], offset: int) -> dict[str, Any]:
    """Return the log-probabilities of tokens, the first of which begins at a character of the text."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [None if token.log_prob is None else _finite(token.log_prob) for token in tokens],
        "top_logprobs": [
            None if token.top is None else {text: _finite(log_prob) for text, log_prob in token.top.items()}
            for token in tokens
        ],
        "text_offset": offsets,
    }


def _finite(log_prob: float) -> float:
    return max(log_prob, LOWEST_LOG_PROB)
