"""The served model, its replacement and its end."""

import asyncio
import gc
import hashlib
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from nextword.bundle.origin import sample_model_path
from nextword.engine.mixture.mixture_engine import MixtureEngine
from nextword.engine.text_model import USED_METHODS
from nextword.serving.queue.admission import TurnsEngine
from nextword.serving.served_model import ModelSlot, ModelSource, ServedModel
from nextword.serving.settings import ServingSettings
from support.served import HASH
from support.small_model import small_model
from support.tiny_bundle import write_tiny_bundle
from support.waiting import run_async


@dataclass(eq=False)
class Tables:
    """What is made of a model."""

    model: Any


def served(seed: int = 0) -> ServedModel:
    model = small_model(seed=seed)
    return ServedModel(model, model.bundle, HASH)


def test_it_names_its_model() -> None:
    subject = served()
    assert subject.name == "small-pretokenized"
    assert subject.fingerprint == "small-pretokenized-0123456789ab"
    assert subject.headers == {"X-Model-Hash": HASH}


def test_blocking_work_runs_in_a_thread_and_returns_its_result() -> None:
    def work(value: int, *, more: int) -> tuple[int, str]:
        return value + more, threading.current_thread().name

    result, thread = run_async(lambda: served().run(work, 1, more=2))
    assert result == 3
    assert thread != threading.current_thread().name


def test_few_calls_run_at_once() -> None:
    running, most = 0, 0
    lock, pair = threading.Lock(), threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pair.wait(60)
        time.sleep(0.01)
        with lock:
            running -= 1

    async def many() -> None:
        subject = served()
        await asyncio.gather(*(subject.run(work) for _ in range(12)))

    run_async(many)
    assert most == 2


def test_a_call_that_is_cancelled_ends_with_its_thread() -> None:
    subject, begun, released, ended = served(), threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert released.wait(60)
        ended.set()

    async def cancel() -> None:
        call = asyncio.ensure_future(subject.run(work))
        assert await asyncio.to_thread(begun.wait, 60)
        call.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        is_over = call.done()
        released.set()
        assert not is_over
        with pytest.raises(asyncio.CancelledError):
            await call
        assert ended.is_set()

    run_async(cancel)


def test_what_is_made_once_holds_no_thread_of_requests() -> None:
    subject, release, calls = served(), threading.Event(), []

    def count(model: ServedModel) -> object:
        calls.append(model)
        assert release.wait(60)
        return object()

    async def many() -> None:
        waiting = [asyncio.ensure_future(subject.once(count)) for _ in range(4)]
        waiting.pop().cancel()
        assert [await subject.run(lambda: 1) for _ in range(3)] == [1, 1, 1]
        release.set()
        first, *others = await asyncio.gather(*waiting)
        assert all(other is first for other in (*others, await subject.once(count)))

    run_async(many)
    assert calls == [subject]


def test_after_an_error_it_is_made_again() -> None:
    subject, errors = served(), [ValueError("first"), None]

    def make(_model: ServedModel) -> str:
        if error := errors.pop(0):
            raise error
        return "made"

    async def twice() -> str:
        with pytest.raises(ValueError, match="first"):
            await subject.once(make)
        return await subject.once(make)

    assert run_async(twice) == "made"


def test_what_is_made_of_a_model_is_freed_with_it() -> None:
    async def make() -> weakref.ref[Tables]:
        subject = served()
        made = await subject.once(lambda model: Tables(model.model))
        subject.scheduler.close()
        return weakref.ref(made)

    gone = run_async(make)
    gc.collect()
    assert gone() is None


def test_a_slot_gives_the_latest_model_and_drains_all() -> None:
    first, second = served(), served(1)
    slot = ModelSlot(first)
    slot.replace(second)
    assert slot.current is second
    alive = [model.scheduler.is_alive for model in (first, second)]
    assert alive == [True, True]  # requests may still have the first
    run_async(slot.drain)
    assert [model.scheduler.is_alive for model in (first, second)] == [False, False]


def test_the_model_is_loaded_with_the_hash_of_its_weights() -> None:
    path = sample_model_path("austen")
    served = ModelSource(path, method="static", settings=ServingSettings(max_active=3)).load()
    assert served.name == "austen"
    assert served.hash == hashlib.sha256((path / "model.onnx").read_bytes()).hexdigest()
    assert served.max_active == 3
    assert served.methods == "static: the network alone"
    served.scheduler.close()


def test_the_text_of_the_model_is_looked_for_in_the_folder_of_samples(tmp_path: Path) -> None:
    served = ModelSource(sample_model_path("austen"), data_dir=tmp_path).load()
    assert served.text.data_dir == tmp_path
    served.scheduler.close()


def test_a_model_is_served_as_it_is_used_unless_the_network_is_asked_for(tmp_path: Path) -> None:
    mixed, before = write_tiny_bundle(tmp_path / "mixed", mixes=True), write_tiny_bundle(tmp_path / "before")
    used, static = (ModelSource(mixed, method=method).load() for method in USED_METHODS)
    assert used.methods == "as used: n-grams 0.3, cache of 5 tokens"
    assert (static.methods, ModelSource(before).load().methods) == ("static: the network alone", "")
    assert used.hash != static.hash == ModelSource(before).load().hash
    assert [served.bundle.mixture is None for served in (used, static)] == [False, True]
    inner = [cast("TurnsEngine", served.model.engine)._engine for served in (used, static)]
    assert [isinstance(engine, MixtureEngine) for engine in inner] == [True, False]
