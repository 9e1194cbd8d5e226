"""The model that the service answers with: where it comes from, and its replacement by another one."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

import anyio.to_thread
from anyio import CapacityLimiter

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.bundle.store import model_sha256
from nextword.engine.opening import EngineName, open_model
from nextword.engine.prefix_cache import PrefixCache
from nextword.engine.text_model import TextModel, UsedMethod
from nextword.errors import BundleError
from nextword.inference.generation.generated_text import may_join
from nextword.serving.http.errors import ApiError
from nextword.serving.queue.admission import Turns, TurnsEngine
from nextword.serving.queue.scheduler import Scheduler
from nextword.serving.settings import ServingSettings

_NUM_THREADS = 2
"""Threads that work at once, beside the scheduler's own."""

_TURN = 256
"""Tokens that such a thread reads before others work, about a third of a second."""


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model at work in the service."""

    model: TextModel  # engine and tokenizer; the threads of `run` take turns with it
    bundle: Bundle  # the model as it is stored, without a mixture that is not used
    hash: str  # SHA-256 of the stored weights, and of the mixture if it is used, in hexadecimal
    methods: str = ""  # how it is used; empty for a network without a mixture
    # The text that it was trained on, and its run.
    text: OriginText = field(default_factory=lambda: OriginText(Origin(Path())))
    max_active: int = 64  # most texts that the scheduler works on at once
    created: int = field(default_factory=lambda: int(time.time()))  # when it was loaded, in seconds since 1970
    prefixes: PrefixCache = field(default_factory=PrefixCache)  # states that all requests share
    scheduler: Scheduler = field(init=False)  # generates and scores texts, all in one batch
    # The turns of the threads of `run`.
    turns: Turns = field(init=False, default_factory=lambda: Turns(_NUM_THREADS, _TURN))
    may_join: bool = field(init=False)  # whether a token can begin with a part of the character before it
    _limiter: CapacityLimiter = field(init=False)
    _made: dict[Callable[["ServedModel"], Any], Any] = field(init=False, default_factory=dict)
    _making: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scheduler", Scheduler(self.model.engine, self.prefixes, max_rows=self.max_active))
        engine = TurnsEngine(self.model.engine, self.turns)
        object.__setattr__(self, "model", TextModel(engine, self.model.tokenizer, prefixes=self.prefixes))
        object.__setattr__(self, "may_join", may_join(self.model.tokenizer.vocabulary))
        object.__setattr__(self, "_limiter", CapacityLimiter(self.max_active))

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.bundle.name

    @property
    def fingerprint(self) -> str:
        """Name and the first digits of the hash: the `system_fingerprint` of an answer."""
        return f"{self.name}-{self.hash[:12]}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that every answer of the model carries."""
        return {"X-Model-Hash": self.hash}

    async def run[**P, T](self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of a function that blocks, such as `score_lines`, called in a thread.

        A cancellation ends the call before the next step of the engine.
        """
        task = asyncio.current_task()

        def in_turn() -> T:
            with self.turns.taken(lambda: task is not None and task.cancelling() > 0):
                return function(*args, **kwargs)

        call = asyncio.ensure_future(anyio.to_thread.run_sync(in_turn, limiter=self._limiter))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait((call,))  # until then the thread uses the session and the slot of its request
            raise

    async def once[T](self, make: Callable[["ServedModel"], T]) -> T:
        """Return what a function makes of this model, such as its page; it is called in a thread at the first need."""
        async with self._making:  # requests wait for it on the event loop
            if make not in self._made:
                self._made[make] = await asyncio.to_thread(make, self)
        return cast("T", self._made[make])


class ModelSlot:
    """Holds the model that new requests get. A request keeps its model to its end.

    It is empty while the first model is loaded.
    """

    def __init__(self, current: ServedModel | None = None) -> None:
        self._current = current
        self._replaced: WeakSet[ServedModel] = WeakSet()

    @property
    def is_empty(self) -> bool:
        """Whether the first model is still being loaded."""
        return self._current is None

    @property
    def current(self) -> ServedModel:
        """The model for new requests."""
        if self._current is None:
            raise ApiError(503, "the model is being loaded; try again in a second", headers={"Retry-After": "1"})
        return self._current

    def named(self, name: str | None) -> ServedModel:
        """Return the model for new requests, if it has this name or no name is asked for."""
        if name not in (None, self.current.name):
            message = f"`model` must be the served model, {self.current.name!r}, but is {str(name)[:100]!r}"
            raise ApiError(404, f"{message}; see `/v1/models`", param="model", code="model_not_found")
        return self.current

    def replace(self, model: ServedModel) -> None:
        """Give new requests another model; the former one finishes its texts."""
        previous, self._current = self._current, model
        if previous is not None:
            self._replaced.add(previous)
            previous.scheduler.retire()

    async def drain(self) -> None:
        """End the texts of all models with an `ApiError` 503."""
        await asyncio.gather(*(served.scheduler.drain() for served in self._models))

    def close(self, seconds: float = 0.0) -> None:
        """End the engine threads of all models, and wait up to `seconds` for each."""
        for served in self._models:
            served.scheduler.close()
        for served in self._models:
            served.scheduler.join(seconds)

    @property
    def _models(self) -> list[ServedModel]:
        return [*([] if self._current is None else [self._current]), *self._replaced]


@dataclass(frozen=True)
class ModelSource:
    """Loads the model that the service answers with, at the start and at each reload."""

    path: Path
    engine: EngineName = "auto"  # the engine that runs it
    method: UsedMethod = "mixture"  # how the model is used
    settings: ServingSettings = field(default_factory=ServingSettings)  # bounds of the service
    data_dir: Path | None = None  # a folder with samples, one of which may be the text

    def load(self) -> ServedModel:
        """Read the bundle, check it and start its engine.

        Raises:
            BundleError: The bundle is not sound, or was written again meanwhile.
            MissingExtraError: No library that can run the model is installed.
        """
        with_mixture = self.method == "mixture"
        sha256 = model_sha256(self.path, with_mixture=with_mixture)
        loaded = open_model(self.path, self.engine, method=self.method)
        if model_sha256(self.path, with_mixture=with_mixture) != sha256:
            raise BundleError(f"`{self.path}` must not change while it is read, but was written again; load it again")
        return ServedModel(
            loaded.with_engine(loaded.engine),
            loaded.bundle if with_mixture else loaded.bundle.without_mixture(),
            hash=sha256,
            methods=loaded.use,
            text=OriginText(Origin.of_bundle(self.path), data_dir=self.data_dir),
            max_active=self.settings.max_active,
            prefixes=PrefixCache(max_entries=self.settings.max_prefixes, max_bytes=self.settings.max_prefix_bytes),
        )
