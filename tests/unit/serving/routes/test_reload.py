"""A reload swaps the model in one step, or leaves the former one at work and says why."""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from starlette.testclient import TestClient

from nextword.engine.text_model import TextModel
from nextword.errors import BundleError
from nextword.serving.application import create_application
from nextword.serving.http.access import Access
from nextword.serving.routes.reload import Reloader, self_test
from nextword.serving.served_model import ModelSlot, ModelSource, ServedModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.markov_engine import MarkovEngine
from support.text_service import answered, service_at, service_of, tiny_model
from support.tiny_bundle import write_tiny_bundle

SIZE = 4
TOKENIZER = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "it", "is")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "model", "first", seed=1)


@pytest.fixture
def slot() -> Iterator[ModelSlot]:
    slot = ModelSlot(tiny_model(name="first", seed=1))
    yield slot
    slot.current.scheduler.close()


def _damage(path: Path) -> None:
    with (path / "model.onnx").open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))


def test_another_model_answers_after_a_reload(path: Path) -> None:
    with service_at(path) as client:
        before = answered(client, "/v1/score", text="it is so")
        write_tiny_bundle(path, "second", seed=2, replace=True)
        response = client.post("/admin/reload")
        after = answered(client, "/v1/score", text="it is so")
    assert response.status_code == 200
    assert response.json()["model"] == after["model"] == "second"
    assert response.headers["X-Model-Hash"] == response.json()["hash"] != response.json()["former_hash"]
    assert after["log_prob"] != before["log_prob"]


def test_a_bad_bundle_leaves_the_former_model_and_says_why(path: Path) -> None:
    with service_at(path) as client:
        before = answered(client, "/v1/score", text="it is so")
        write_tiny_bundle(path, "second", seed=2, replace=True)
        _damage(path)
        response = client.post("/admin/reload")
        after = answered(client, "/v1/score", text="it is so")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (409, "model_refused")
    assert "model.onnx" in error["message"]
    assert after == before


def test_a_model_that_fails_its_test_is_refused(slot: ModelSlot, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_model: object) -> None:
        raise BundleError("the probabilities of the model must sum to 1, but sum to 2")

    monkeypatch.setattr("nextword.serving.routes.reload.self_test", refuse)
    first = slot.current
    done = asyncio.run(Reloader(slot, lambda: tiny_model(seed=2)).reload())
    assert done.refused == "the probabilities of the model must sum to 1, but sum to 2"
    assert slot.current is first is done.served


@pytest.mark.parametrize("error", [RuntimeError("a secret"), MemoryError(), OSError("a secret")])
def test_any_failure_leaves_the_former_model(
    slot: ModelSlot, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> ServedModel:
        raise error

    first = slot.current
    with caplog.at_level(logging.ERROR):
        done = asyncio.run(Reloader(slot, fail).reload())
    assert done.refused == f"it cannot be loaded ({type(error).__name__}); the log says more"
    assert "cannot be loaded" in caplog.text
    assert slot.current is first


def test_reloads_run_one_after_the_other(slot: ModelSlot) -> None:
    at_work, most = 0, 0
    lock = threading.Lock()

    def load() -> ServedModel:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        found = tiny_model(seed=2)
        with lock:
            at_work -= 1
        return found

    async def run() -> None:
        reloader = Reloader(slot, load)
        await asyncio.gather(*(reloader.reload() for _ in range(5)))

    asyncio.run(run())
    assert (most, at_work) == (1, 0)


def test_a_running_request_ends_on_its_model_which_is_freed_afterwards() -> None:
    slot = ModelSlot(tiny_model(name="first", seed=1))
    application = create_application(slot, load=lambda: tiny_model(name="second", seed=2))
    gone = weakref.ref(slot.current.model.engine)

    async def run() -> list[Any]:
        transport = httpx2.ASGITransport(application, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            entered, released = threading.Event(), threading.Event()
            _hold(slot.current, entered, released)
            running = asyncio.create_task(client.post("/v1/score", json={"text": "it is so"}))
            await asyncio.to_thread(entered.wait, 60)
            reloaded = await client.post("/admin/reload")
            other = await client.post("/v1/score", json={"text": "it is so"})
            assert gone() is not None
            released.set()
            return [(await running).json()["model"], reloaded.json()["model"], other.json()["model"]]

    assert asyncio.run(run()) == ["first", "second", "second"]
    gc.collect()
    assert gone() is None
    slot.current.scheduler.close()


def _hold(model: ServedModel, entered: threading.Event, released: threading.Event) -> None:
    """Let the next window of a model wait."""
    engine: Any = model.model.engine
    score = type(engine).score_window

    def wait(inputs: Any, targets: Any, state: Any, *, ranks: bool) -> Any:
        entered.set()
        assert released.wait(60)
        return score(engine, inputs, targets, state, ranks=ranks)

    engine.score_window = wait


def test_other_machines_may_not_reload_a_service_without_keys(path: Path) -> None:
    source = ModelSource(path)
    application = create_application(ModelSlot(source.load()), load=source.load)
    for host, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403), ("unknown", 403)):
        with TestClient(application, client=(host, 1), base_url="http://127.0.0.1") as client:
            assert client.post("/admin/reload").status_code == status
    application.state.slot.current.scheduler.close()


@pytest.mark.parametrize(
    "headers",
    [{"Host": "models.example"}, {"X-Forwarded-For": "192.0.2.7"}, {"Via": "1.1 proxy"}, {"Forwarded": "for=x"}],
)
def test_a_proxy_on_this_machine_does_not_make_others_local(path: Path, headers: dict[str, str]) -> None:
    source, access = ModelSource(path), Access.of("127.0.0.1", allow_hosts=["models.example"])
    with service_of(source.load(), load=source.load, access=access) as client:
        assert client.post("/admin/reload").status_code == 200
        answer = client.post("/admin/reload", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_local")


def test_a_model_in_memory_cannot_be_reloaded() -> None:
    with service_of(tiny_model()) as client:
        response = client.post("/admin/reload")
    assert (response.status_code, "in memory" in response.text) == (503, True)


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword", "character"])
def test_sound_models_pass(kind: Any) -> None:
    served = tiny_model(kind=kind, tokens=("<unk>", "<eos>", "i", "t", " ", ",", " ,", "\u2019"))
    self_test(served.model)
    served.scheduler.close()


@pytest.mark.parametrize(
    ("value", "why"), [(np.nan, "finite"), (0.0, "finite"), (0.5, r"sum to 1, but sum to 1\.25"), (0.0001, "sum to 1")]
)
def test_bad_probabilities_are_found(value: float, why: str) -> None:
    table = np.full((SIZE, SIZE), 1 / SIZE)
    table[:, 3] = value
    with pytest.raises(BundleError, match=why):
        self_test(TextModel(MarkovEngine(table), TOKENIZER))


def test_a_state_that_breaks_is_found() -> None:
    """The first prediction is sound, and those after a word are not."""
    table = np.full((SIZE, SIZE), 1 / SIZE)
    table[2:] = np.nan
    with pytest.raises(BundleError, match="finite"):
        self_test(TextModel(MarkovEngine(table), TOKENIZER))


def test_a_tokenizer_that_does_not_read_what_it_writes_is_found() -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "two words", "a, b")))
    with pytest.raises(BundleError, match="read what it writes"):
        self_test(TextModel(MarkovEngine(np.full((SIZE, SIZE), 1 / SIZE)), tokenizer))
