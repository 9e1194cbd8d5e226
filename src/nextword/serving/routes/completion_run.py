"""The body of a request to `/v1/completions`, and its texts in the scheduler, with their parts as they come."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from nextword.inference.generation.generated_text import Ending, EndRule
from nextword.inference.generation.generator import Request, SearchOptions, forbidden_words
from nextword.inference.generation.sampling import UNCHANGED, random_generator
from nextword.inference.generation.writers import SampledText
from nextword.serving.http.errors import ApiError
from nextword.serving.http.schema import FIRST_FAULT, ModelRequest, RequestBody, example
from nextword.serving.queue.batcher import Inbox, TextTask, Update
from nextword.serving.routes.completion_text import CompletionText, Prompt, ShownText, joined, shown_prompt
from nextword.serving.routes.work import off_loop, require_at_most
from nextword.serving.served_model import ServedModel
from nextword.serving.settings import ServingSettings

_MAX_SEED = 10**18 - 1


def _one_of(kinds: str) -> WrapValidator:
    """Return a validator with one error for all kinds of a value, instead of one for each."""

    def validated(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValueError:
            raise ValueError(f"it must be {kinds}") from None

    return WrapValidator(validated)


def _not_supported(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Accept what changes nothing, because clients send defaults, and refuse all else with one error."""
    try:
        return validate(value)
    except ValueError:
        raise PydanticCustomError("not_supported", "is not supported") from None


NOT_SUPPORTED = WrapValidator(_not_supported)

PromptField = Annotated[
    str
    | Annotated[list[str], FIRST_FAULT]
    | Annotated[list[int], FIRST_FAULT]
    | Annotated[list[Annotated[list[int], FIRST_FAULT]], FIRST_FAULT],
    _one_of("a string, a list of strings, a list of token ids, or a list of lists of token ids"),
]
StopField = Annotated[str | Annotated[list[str], FIRST_FAULT], _one_of("a string or a list of strings")]


class StreamOptions(RequestBody):
    """Options of a streamed answer."""

    include_usage: bool | None = Field(None, description="Send the number of tokens in a last event.")


class CompletionRequest(ModelRequest):
    """A request for completions. A field that is `null` has its default."""

    model_config = example(model="austen", prompt="It is a truth universally", max_tokens=3)

    prompt: PromptField | None = Field(None, description="Text to continue; the beginning of a text if left out.")
    max_tokens: int | None = Field(None, ge=0, description="Most tokens of a text; 16 if left out. 0 needs `echo`.")
    temperature: float | None = Field(None, ge=0, le=100, description="1 if left out; 0 takes the most probable token.")
    top_p: float | None = Field(None, gt=0, le=1, description="1 if left out: all tokens.")
    n: int | None = Field(None, ge=1, description="Texts for each prompt.")
    best_of: int | None = Field(None, ge=1, description="Texts to sample for each prompt; the `n` best are returned.")
    stream: bool | None = Field(None, description="Whether to send the text while it is generated.")
    stream_options: StreamOptions | None = Field(None, description="Only with `stream`.")
    stop: StopField | None = Field(None, description="Strings that end a text; they are not part of it.")
    seed: int | None = Field(None, ge=0, le=_MAX_SEED, description="The same seed gives the same text.")
    logprobs: int | None = Field(
        None, ge=0, description="Log-probabilities, with this number of alternatives for each token."
    )
    echo: bool | None = Field(None, description="Whether the text begins with the prompt.")
    user: str | None = Field(None, description="Without meaning here.")
    suffix: Annotated[Literal[""] | None, NOT_SUPPORTED] = Field(
        None, description="Not supported: the model reads in one direction."
    )
    logit_bias: Annotated[dict[str, float] | None, Field(max_length=0), NOT_SUPPORTED] = Field(
        None, description="Not supported."
    )
    presence_penalty: Annotated[float | None, Field(ge=0, le=0), NOT_SUPPORTED] = Field(
        None, description="Not supported; see `repetition_penalty`."
    )
    frequency_penalty: Annotated[float | None, Field(ge=0, le=0), NOT_SUPPORTED] = Field(
        None, description="Not supported; see `repetition_penalty`."
    )
    top_k: int | None = Field(None, ge=1, description="Sample from the k most probable tokens.")
    min_p: float | None = Field(None, ge=0, le=1, description="Sample from tokens this times as probable as the best.")
    typical_p: float | None = Field(None, gt=0, le=1, description="Sample from the most typical tokens.")
    repetition_penalty: float | None = Field(None, ge=1, le=100, description="Penalty for tokens used recently.")
    stop_at_end: bool | None = Field(None, description="Whether a text ends at the end of a line or paragraph.")

    @property
    def num_choices(self) -> int:
        """Texts to return for each prompt."""
        return self.n or 1

    @property
    def num_sampled(self) -> int:
        """Texts to sample for each prompt."""
        return (self.num_tokens and self.best_of) or self.num_choices

    @property
    def num_tokens(self) -> int:
        """Most tokens of a text."""
        return 16 if self.max_tokens is None else self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """The prompts: all strings, or all token lists."""
        prompt: Any = "" if self.prompt is None else self.prompt
        if isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)) or prompt == []:
            return [prompt]
        prompts: list[str] | list[list[int]] = prompt
        return prompts

    def generation(self) -> Request | None:
        """Return the request to the generator; `None` if nothing is to be generated."""
        if not self.num_tokens:
            return None
        names = ("temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty", "seed")
        values = {name: value for name in names if (value := getattr(self, name)) is not None}
        return Request(
            max_tokens=self.num_tokens,
            sampling=UNCHANGED.replace(**values),
            search=SearchOptions(best_of=self.num_sampled if self.num_sampled > self.num_choices else 1),
            stop_at_end=bool(self.stop_at_end),
            stop=self.stops,
        )


def check_bounds(body: CompletionRequest, settings: ServingSettings) -> None:
    """Refuse a request that asks for more than the service gives, or contradicts itself."""
    require_at_most(settings, "max_prompts", "prompt", len(body.prompts), "prompts")
    require_at_most(settings, "max_tokens", "max_tokens", body.num_tokens)
    require_at_most(settings, "max_choices", "n", body.num_choices)
    require_at_most(settings, "max_choices", "best_of", body.num_sampled)
    require_at_most(settings, "max_logprobs", "logprobs", body.logprobs or 0)
    require_at_most(settings, "max_stops", "stop", len(body.stops), "strings")
    longest = max(map(len, body.stops), default=0)
    require_at_most(settings, "max_stop_characters", "stop", longest, "characters each")
    if not all(body.stops):
        raise _refused("stop", "must not have an empty string; remove it")
    if not body.num_tokens and not body.echo:
        raise _refused("max_tokens", "must be at least 1 without `echo`, but is 0; raise it, or set `echo` to true")
    if body.num_sampled < body.num_choices:
        raise _refused("best_of", f"must be at least `n`, {body.num_choices}, but is {body.best_of}; raise it")
    if body.stream and body.num_sampled > body.num_choices:
        raise _refused("best_of", "must not be above `n` with `stream`, because the texts are compared; lower it")
    if body.stream_options is not None and not body.stream:
        raise _refused("stream_options", "needs `stream` to be true; set it, or leave `stream_options` out")


def check_lengths(body: CompletionRequest, lengths: list[int], settings: ServingSettings) -> None:
    """Refuse prompts that are too long, and log-probabilities that are too many."""
    require_at_most(settings, "max_prompt_tokens", "prompt", max(lengths), "tokens each")
    if body.logprobs is not None:
        num_texts = sum(length * bool(body.echo) + body.num_tokens for length in lengths) * body.num_sampled
        num_logprobs = num_texts * (body.logprobs + 1)
        require_at_most(settings, "max_answer_logprobs", "logprobs", num_logprobs, "in all texts together")


def _refused(name: str, why: str) -> ApiError:
    return ApiError(400, f"`{name}` {why}", param=name, code="invalid_value")


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
