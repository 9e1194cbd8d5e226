"""What a route needs: the bounds of a request, and its work on the model, admitted and off the event loop."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, Self

import anyio.to_thread
from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field

from nextword.serving.http.errors import ApiError
from nextword.serving.queue.admission import Admission, unless_left
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.settings import ServingSettings
from nextword.text.tokens.tokenizer import Tokenizer

_LONG = 2000
"""Tokens or scores that take about 10 ms."""

EXAMPLE_HASH = "6a1713da6deda8eb0c7da9e04e9356e3f71791c771564751ea10e4626193d76e"


class Answer(BaseModel):
    """An answer of the model, with the model that gave it."""

    model: str = Field(description="Name of the model.", examples=["austen"])
    system_fingerprint: str = Field(
        description="Name of the model and the first digits of its hash, which the header `X-Model-Hash` has whole.",
        examples=["austen-6a1713da6ded"],
    )

    @classmethod
    def of(cls, served: ServedModel, **fields: Any) -> Self:
        """Return the answer of a model, with the fields of the route."""
        return cls(model=served.name, system_fingerprint=served.fingerprint, **fields)


class WordProbability(BaseModel):
    """A word and its probability."""

    text: str = Field(description="The word, punctuation mark or character.", examples=["obliged"])
    probability: float = Field(description="Its probability, 0 to 1.", examples=[0.2347], ge=0, le=1.000001)


class ModelWork:
    """What a route needs to work with the model."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response
        self._slot: ModelSlot = request.app.state.slot
        self._admission: Admission = request.app.state.admission
        self.settings: ServingSettings = request.app.state.settings

    def model(self, name: str | None = None) -> ServedModel:
        """Return the current model, and name it in the headers of the answer."""
        served = self._slot.named(name)
        self._response.headers.update(served.headers)
        return served

    async def once[T](self, served: ServedModel, make: Callable[[ServedModel], T]) -> T:
        """Return what is made once of a model; see `ServedModel.once`."""
        return await unless_left(self._request.receive, served.once(make))

    async def run[T](self, function: Callable[[ServedModel], T], *, model: ServedModel | str | None = None) -> T:
        """Return the result of a function of a model, called in a thread once the request is admitted.

        Raises:
            ApiError: The model has another name (404), the service is busy (429) or ends (503), or the client left.
        """

        async def work() -> T:
            served = model if isinstance(model, ServedModel) else self.model(model)
            return await served.run(function, served)

        return await self._admission.run(self._request, work)


async def model_work(request: Request, response: Response) -> ModelWork:
    """Return what a route needs; FastAPI would call a class, or a function that is not async, in a thread."""
    return ModelWork(request, response)


Work = Annotated[ModelWork, Depends(model_work)]
"""The parameter of a route."""


async def off_loop[**P, T](size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a function, called in a thread if it takes long, else at once.

    A long computation on the event loop would delay all other answers.
    """
    if size <= _LONG:
        return function(*args, **kwargs)
    return await anyio.to_thread.run_sync(partial(function, *args, **kwargs))


def require_at_most(
    settings: ServingSettings, bound: str, param: str, value: int, unit: str = "", *, is_exact: bool = True
) -> None:
    """Reject a request whose field asks for more than a bound of the service.

    `is_exact` is false if not all items were counted; then there are at least `value`.
    """
    maximum = getattr(settings, bound)
    if value > maximum:
        rule = (
            f"`{param}` must be at most {maximum:,}{unit and ' '}{unit}, but is {f'{value:,}' if is_exact else 'more'}"
        )
        message = f"{rule}; ask for less, or set {settings.variable(bound)}"
        raise ApiError(400, message, param=param, code="above_bound")


def require_tokens(
    settings: ServingSettings, tokenizer: Tokenizer, param: str, texts: Iterable[str], bound: str = "max_prompt_tokens"
) -> int:
    """Return how many tokens the texts have in all, and reject a request with too many."""
    count = 0
    for text in texts:
        require_at_most(settings, bound, param, count, "tokens", is_exact=False)
        count += len(tokenizer.encode(text)) + 1  # the end of the line is a token too
    require_at_most(settings, bound, param, count - 1, "tokens", is_exact=False)
    return count
