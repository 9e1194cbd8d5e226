"""Runs the work of a route on the served model: admitted, off the event loop, and marked with the model's hash."""

from collections.abc import Callable
from typing import Annotated, TypedDict

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field

from nextword.serving.queue.admission import Admission, unless_left
from nextword.serving.served_model import ModelSlot, ServedModel
from nextword.serving.settings import ServingSettings

EXAMPLE_HASH = "6a1713da6deda8eb0c7da9e04e9356e3f71791c771564751ea10e4626193d76e"


class Answer(BaseModel):
    """An answer of the model, with the model that gave it."""

    model: str = Field(description="Name of the model.", examples=["austen"])
    system_fingerprint: str = Field(
        description="Name of the model and the first digits of its hash, which the header `X-Model-Hash` has whole.",
        examples=["austen-6a1713da6ded"],
    )


class ModelWork:
    """What a route needs to work with the model.

    Args:
        request: The request.
        response: The answer, which gets the header with the model's hash.

    Attributes:
        settings: The bounds of the service.
    """

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response
        self._slot: ModelSlot = request.app.state.slot
        self._admission: Admission = request.app.state.admission
        self.settings: ServingSettings = request.app.state.settings

    def model(self, name: str | None = None) -> ServedModel:
        """Return the current model, and name it in the headers of the answer.

        Raises:
            ApiError: It has another name (404).
        """
        served = self._slot.named(name)
        self._response.headers.update(served.headers)
        return served

    async def once[T](self, served: ServedModel, make: Callable[[ServedModel], T]) -> T:
        """Return what is made once of a model; see `ServedModel.once`.

        Raises:
            ApiError: The client left.
        """
        return await unless_left(self._request.receive, served.once(make))

    async def run[T](self, function: Callable[[ServedModel], T], *, model: ServedModel | str | None = None) -> T:
        """Return the result of a function of a model, called in a thread once the request is admitted.

        Args:
            function: What to do.
            model: The model, or the name that the request gives; `None` for the current one.

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


class Origin(TypedDict):
    """The fields of `Answer`."""

    model: str
    system_fingerprint: str


def origin_of(served: ServedModel) -> Origin:
    """Return the fields of `Answer` for a model."""
    return Origin(model=served.name, system_fingerprint=served.fingerprint)
