"""Runs a request for completions: its texts in the scheduler, and their parts as they come."""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, NamedTuple

from nextword.inference.generation.generated_text import Ending, EndRule
from nextword.inference.generation.generator import Request, forbidden_words
from nextword.inference.generation.sampling import random_generator
from nextword.inference.generation.writers import SampledText
from nextword.serving.queue.text_task import Inbox, TextTask, Update
from nextword.serving.routes.completions.request import CompletionRequest
from nextword.serving.routes.completions.text import CompletionText, Prompt, ShownText, joined, shown_prompt
from nextword.serving.routes.work import off_loop
from nextword.serving.served_model import ServedModel

FinishReason = Literal["stop", "length"]
"""OpenAI's names of the reasons for the end of a text."""


class Part(NamedTuple):
    """The next part of a text."""

    number: int  # number of the text: the first prompt's come first
    shown: ShownText
    ending: FinishReason | None  # reason for the end with the last part, else `None`


class CompletionRun:
    """The texts of a request."""

    def __init__(self, served: ServedModel, body: CompletionRequest, prompts: Sequence[Prompt]) -> None:
        self._served = served
        self._body = body
        self._prompts = prompts
        self._request = body.generation()
        self._writers: list[SampledText] = []
        self._texts = [
            CompletionText(served.model.tokenizer, prompt, body.stops, may_join=served.may_join)
            for prompt in prompts
            for _ in range(body.num_sampled)
        ]
        self._has_echoed = [not body.echo] * len(self._texts)
        self.num_tokens = 0

    @property
    def num_texts(self) -> int:
        """Texts to generate."""
        return len(self._texts)

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens of all prompts."""
        return sum(len(prompt.ids) for prompt in self._prompts)

    async def parts(self, *, streams: bool) -> AsyncGenerator[list[Part]]:
        """Yield the parts of all texts as they come, all that are there at once. Close the iterator to stop the work.

        Raises:
            ApiError: The engine failed (500), or the service ended (503).
        """
        inbox = Inbox()
        tasks = self._tasks(inbox, streams=streams)
        num_open = len(tasks)
        with self._served.scheduler.running(tasks):
            while num_open:
                updates = await inbox.take()
                failure = next((update.error for _, update in updates if update.error is not None), None)
                sound = [(index, update) for index, update in updates if update.error is None]
                if sound:
                    num_open -= sum(update.is_last for _, update in sound)
                    num_scored = sum(len(update.prompt) + len(update.tokens) for _, update in sound)
                    yield await off_loop(num_scored * (1 + (self._body.logprobs or 0)), self._parts, sound)
                if failure is not None:
                    raise failure

    def best(self) -> list[int]:
        """Return which texts to return, in order; known at the end."""
        size, count = self._body.num_sampled, self._body.num_choices
        if size == count:
            return list(range(self.num_texts))
        chosen: list[int] = []
        for first in range(0, self.num_texts, size):
            ranked = sorted(range(first, first + size), key=lambda index: -self._score(index))
            chosen += ranked[:count]
        return chosen

    def _score(self, index: int) -> float:
        (hypothesis,) = self._writers[index].hypotheses()
        return hypothesis.score(self._request.search.length_exponent) if self._request else 0.0

    def _parts(self, updates: Sequence[tuple[int, Update]]) -> list[Part]:
        return [self._part(index, update) for index, update in updates]

    def _part(self, index: int, update: Update) -> Part:
        self.num_tokens += len(update.tokens)
        ending = finish_reason(update.ending) if update.is_last else None
        last = (update.ending or "length") if update.is_last else None
        shown = self._texts[index].add(update.tokens, last)
        if not self._has_echoed[index]:
            self._has_echoed[index] = True
            prompt = self._prompts[index // self._body.num_sampled]
            scored = update.prompt if self._body.logprobs is not None else None
            echoed = shown_prompt(self._served.model.tokenizer, prompt, scored)
            shown = joined([echoed, shown])
        return Part(index, shown, ending)

    def _tasks(self, inbox: Inbox, *, streams: bool) -> list[TextTask]:
        body = self._body
        tasks: list[TextTask] = []
        for prompt in self._prompts:
            writers = self._new_writers(prompt, self._request) if self._request else [None] * body.num_sampled
            for writer in writers:
                task = TextTask(
                    prompt.read,
                    writer,
                    inbox=inbox,
                    index=len(tasks),
                    streams=streams,
                    num_top=body.logprobs or 0,
                    scores_prompt=bool(body.echo) and body.logprobs is not None,
                )
                tasks.append(task)
        return tasks

    def _new_writers(self, prompt: Prompt, request: Request) -> list[SampledText]:
        tokenizer = self._served.model.tokenizer
        end_id = tokenizer.vocabulary.end_id if request.stop_at_end else None
        rule = EndRule(request.max_tokens, end_id, request.stop, tokenizer)
        forbidden, draws = forbidden_words(tokenizer, request), request.draws
        writers = [
            SampledText(prompt.ids, draws, rule, forbidden, random_generator(draws, number))
            for number in range(self._body.num_sampled)
        ]
        self._writers += writers
        return writers


def finish_reason(ending: Ending | None) -> FinishReason:
    """Return OpenAI's name of the reason for the end of a text."""
    return "stop" if ending in ("stop", "end") else "length"
