"""The served model, its replacement and its end."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from nextword.serving.served_model import ModelSlot, ServedModel
from support.served import HASH

RunAsync = Callable[..., Any]


def served(small_model: Any, seed: int = 0) -> ServedModel:
    model = small_model(seed=seed)
    return ServedModel(model, model.bundle, HASH)


def test_it_names_its_model(small_model: Any) -> None:
    subject = served(small_model)
    assert subject.name == "small-pretokenized"
    assert subject.fingerprint == "small-pretokenized-0123456789ab"
    assert subject.headers == {"X-Model-Hash": HASH}


def test_blocking_work_runs_in_a_thread_and_returns_its_result(run_async: RunAsync, small_model: Any) -> None:
    def work(value: int, *, more: int) -> tuple[int, str]:
        return value + more, threading.current_thread().name

    result, thread = run_async(lambda: served(small_model).run(work, 1, more=2))
    assert result == 3
    assert thread != threading.current_thread().name


def test_few_calls_run_at_once(run_async: RunAsync, small_model: Any) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    async def many() -> None:
        subject = served(small_model)
        await asyncio.gather(*(subject.run(work) for _ in range(12)))

    run_async(many)
    assert 1 <= most <= 2


def test_a_slot_gives_the_latest_model_and_drains_all(run_async: RunAsync, small_model: Any) -> None:
    first, second = served(small_model), served(small_model, 1)
    slot = ModelSlot(first)
    slot.replace(second)
    assert slot.current is second
    alive = [model.scheduler.is_alive for model in (first, second)]
    assert alive == [True, True]  # requests may still have the first
    run_async(slot.drain)
    assert [model.scheduler.is_alive for model in (first, second)] == [False, False]
