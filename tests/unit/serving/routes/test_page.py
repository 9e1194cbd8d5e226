"""The page at `/` is the one HTML file, with strict headers."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import nextword
from nextword.bundle.origin import Origin, sample_model_path
from nextword.bundle.origin_text import OriginText
from nextword.display.page.html_file import html_page
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import facts_of, held_out_passage
from nextword.errors import ExportError
from nextword.serving.http.access import Access
from nextword.serving.routes.page import SECURITY_HEADERS, page_of
from support.text_service import austen_service, served, service_of, tiny_model


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service() as client:
        yield client


def test_the_page_is_the_file_that_export_writes(client: TestClient) -> None:
    response = client.get("/")
    bundle, path = nextword.load("austen").bundle, sample_model_path("austen")
    passage = held_out_passage(OriginText(Origin.of_bundle(path)))
    facts = facts_of(bundle, None, response.headers["X-Model-Hash"])
    assert response.content == html_page(pack_model(bundle, passage=passage, facts=facts))
    assert response.headers["Content-Type"] == "text/html; charset=windows-1252"
    assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_a_browser_that_has_it_gets_nothing_again(client: TestClient) -> None:
    tag = client.head("/").headers["ETag"]
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = client.get("/", headers={"If-None-Match": header})
        assert (response.status_code, response.content) == (304, b"")
    assert client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_browser_sends_the_key_as_a_password() -> None:
    key = "k" * 16
    with service_of(tiny_model(), access=Access.of("127.0.0.1", keys=[key])) as client:
        asked = client.get("/")
        assert (asked.status_code, asked.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
        for credentials, status in ((f"anybody:{key}", 200), (f":{key}", 200), ("anybody:x", 401), (key, 401)):
            header = {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}
            assert client.get("/", headers=header).status_code == status
            assert client.get("/v1/models", headers=header).status_code == 401  # only the page takes a password
        assert client.get("/", headers={"Authorization": "Basic %"}).status_code == 401
        assert client.get("/", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_a_model_that_no_page_can_run_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise ExportError("a model must have at most 537 million weights")

    monkeypatch.setattr("nextword.serving.routes.page.pack_model", refuse)
    with service_of(tiny_model()) as client:
        response = client.get("/")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "no_page_model")


@pytest.mark.parametrize("damaged", ["metrics.json", "log.jsonl"])
def test_a_damaged_run_costs_its_metrics_and_not_the_page(tmp_path: Path, damaged: str) -> None:
    shutil.copytree(sample_model_path("austen"), tmp_path / "model")
    (tmp_path / damaged).write_text("{", encoding="utf-8")
    model = served(nextword.load("austen"), text=OriginText(Origin.of_bundle(tmp_path / "model")))
    assert page_of(model).content.startswith(b"<!DOCTYPE html>")
