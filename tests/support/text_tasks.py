"""Texts for a scheduler: asked for, and what came back."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from nextword.engine.engine import Engine
from nextword.engine.text_model import LoadedModel, TextModel
from nextword.inference.generation.generated_text import EndRule
from nextword.inference.generation.generator import Request, forbidden_words
from nextword.inference.generation.sampling import SamplingOptions, random_generator
from nextword.inference.generation.writers import SampledText
from nextword.serving.queue.batcher import Inbox, TextTask, TokenScore
from nextword.serving.queue.scheduler import Scheduler


@dataclass(frozen=True)
class Asked:
    """A text to ask for, and when."""

    prompt: tuple[int, ...]
    request: Request
    delay: int = 0
    leaves_after: int | None = None
    scores_prompt: bool = False


@dataclass
class Got:
    """What came back."""

    prompt: list[TokenScore] = field(default_factory=list)
    tokens: list[TokenScore] = field(default_factory=list)


def task_of(model: TextModel, asked: Asked, inbox: Inbox, *, streams: bool = True) -> TextTask:
    tokenizer, request = model.tokenizer, asked.request
    rule = EndRule(request.max_tokens, None, request.stop, tokenizer)
    forbidden = forbidden_words(tokenizer, request)
    text = SampledText(asked.prompt, request.draws, rule, forbidden, random_generator(request.draws))
    read = (model.engine.end_id, *asked.prompt)
    return TextTask(read, text, inbox=inbox, streams=streams, num_top=2, scores_prompt=asked.scores_prompt)


async def one(scheduler: Scheduler, model: TextModel, asked: Asked) -> Got:
    for _ in range(asked.delay):
        await asyncio.sleep(0.001)
    got, inbox = Got(), Inbox()
    with scheduler.running([task_of(model, asked, inbox)]):
        while True:
            for _, update in await inbox.take():
                if update.error:
                    raise update.error
                got.prompt += update.prompt
                got.tokens += update.tokens
                if update.is_last or (asked.leaves_after is not None and len(got.tokens) >= asked.leaves_after):
                    return got


async def all_of(scheduler: Scheduler, model: TextModel, texts: Sequence[Asked]) -> list[Got]:
    found = await asyncio.gather(*(one(scheduler, model, asked) for asked in texts))
    await nothing_left(scheduler)
    scheduler.close()
    return list(found)


async def nothing_left(scheduler: Scheduler) -> None:
    end = time.monotonic() + 30
    while scheduler.num_running:
        assert time.monotonic() < end, "work is left behind"
        await asyncio.sleep(0.001)


def toy(engine: Engine, model: LoadedModel) -> TextModel:
    return TextModel(engine, model.tokenizer)


def long_request(seed: int = 1, max_tokens: int = 100_000) -> Request:
    return Request(max_tokens=max_tokens, sampling=SamplingOptions(seed=seed))
