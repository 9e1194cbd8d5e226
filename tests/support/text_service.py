"""The service in the process of the test: its application, and a client for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from nextword.bundle.origin import sample_model_path
from nextword.engine.opening import start_engine
from nextword.engine.text_model import LoadedModel
from nextword.serving.application import create_application
from nextword.serving.http.access import Access
from nextword.serving.served_model import ModelSlot, ModelSource, ServedModel
from nextword.serving.settings import ServingSettings
from support.tiny_bundle import tiny_bundle


@contextmanager
def service_of(
    served: ServedModel, settings: ServingSettings | None = None, load: Any = None, access: Access | None = None
) -> Iterator[TestClient]:
    """Give a client of the service with a model."""
    slot = ModelSlot(served)
    application = create_application(slot, settings, load, access=access)
    with TestClient(application, client=("127.0.0.1", 50_000), base_url="http://localhost") as client:
        yield client
    slot.current.scheduler.close()


@contextmanager
def service_at(path: Path, settings: ServingSettings | None = None) -> Iterator[TestClient]:
    """Give a client of the service with the model in a directory, which can be reloaded."""
    source = ModelSource(path)
    with service_of(source.load(), settings, source.load) as client:
        yield client


@contextmanager
def austen_service(settings: ServingSettings | None = None) -> Iterator[TestClient]:
    """Give a client of the service with the sample model."""
    with service_at(sample_model_path("austen"), settings) as client:
        yield client


def tiny_model(**given: Any) -> ServedModel:
    """Return a small model in memory; the arguments are those of `tiny_bundle`."""
    bundle = tiny_bundle(**given)
    return served(start_engine(bundle, "onnx"))


def served(model: LoadedModel, **given: Any) -> ServedModel:
    """Return a model as the service holds it."""
    return ServedModel(model, model.bundle, hash=given.pop("hash", "a" * 64), **given)


def answered(client: TestClient, path: str, **body: Any) -> Any:
    """Return the JSON that answers a POST."""
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: TestClient, path: str, **body: Any) -> Any:
    """Return the error that answers a POST."""
    answer = client.post(path, json=body)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]
