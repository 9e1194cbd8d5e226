"""A request passes few files of the service, and a new route touches two: its own, and the list of routes."""

import json
import sys
import threading
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter

from nextword import serving
from nextword.serving import application
from nextword.serving.http.access import Access
from nextword.serving.http.schema import RequestBody, StrictRoute
from nextword.serving.routes.work import Answer, Work
from support.raw_http import exchange, post
from support.served import Served
from support.text_service import service_of, tiny_model

ROOT = Path(serving.__file__).parent


def entered(served: Served, path: str, body: dict[str, Any]) -> set[str]:
    """The files of the service whose code a request runs, its second time."""
    request = post(path, json.dumps(body).encode())
    assert exchange(served.port, request).status == 200
    files: set[str] = set()

    def note(frame: FrameType, _event: str, _argument: Any) -> None:
        files.add(frame.f_code.co_filename)

    threading.setprofile_all_threads(note)
    try:
        assert exchange(served.port, request).status == 200
    finally:
        threading.setprofile_all_threads(None)
        sys.setprofile(None)
    return {str(Path(file).relative_to(ROOT)) for file in files if Path(file).is_relative_to(ROOT)}


def test_a_score_passes_eleven_files(served: Served) -> None:
    files = entered(served, "/v1/score", {"text": "She was.\n", "alternatives": 2})
    assert len(files) <= 11, sorted(files)


def test_a_suggestion_passes_thirteen_files(served: Served) -> None:
    files = entered(served, "/v1/suggest", {"text": "She was "})
    assert len(files) <= 13, sorted(files)


def test_a_completion_passes_few_files_between_route_and_engine(served: Served) -> None:
    files = entered(served, "/v1/completions", {"prompt": "She was", "max_tokens": 3, "logprobs": 1, "echo": True})
    between = {file for file in files if not file.startswith("http/")} - {"routes/health.py"}  # it counts the answers
    assert len(between) <= 11, sorted(between)


class Echo(RequestBody):
    """The request of a new route."""

    text: str


def test_a_route_is_its_file_and_a_row_of_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module with a `router`, added to the list of routes, has strict bodies, errors, keys and a description."""
    router = APIRouter(route_class=StrictRoute, tags=["scores"])

    @router.post("/v1/echo", summary="Echo")
    async def echo(body: Echo, work: Work) -> Answer:
        """Return nothing but the model."""
        return await work.run(Answer.of)

    monkeypatch.setattr(application, "ROUTES", (*application.ROUTES, SimpleNamespace(router=router)))
    key = {"Authorization": f"Bearer {'k' * 16}"}
    with service_of(tiny_model(), access=Access.of("127.0.0.1", keys=["k" * 16])) as client:
        assert client.post("/v1/echo", json={"text": "a"}).status_code == 401
        assert client.post("/v1/echo", json={"text": "a"}, headers=key).json()["model"] == "tiny"
        answer = client.post("/v1/echo", json={"text": "a", "words": 1}, headers=key)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "words")
        described = client.get("/openapi.json", headers=key).json()["paths"]["/v1/echo"]["post"]
        assert {"200", "400", "401", "429", "503"} <= set(described["responses"])
