"""The page and what it loads, with strict headers; no other file is served."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import nextword
from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.bundle.samples import sample_model_path
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import CurvePoint, PageFacts, card_elements, curve_chart
from nextword.errors import ExportError
from nextword.serving.http.errors import ApiError
from nextword.serving.routes.page import SECURITY_HEADERS, PageFiles, description_of, matches, packed_model
from support.text_service import austen_service, served, service_of, tiny_model


def site_in(folder: Path) -> Path:
    """Write the files of a page, and some that are secret, one of them outside."""
    site = folder / "site"
    (site / "js").mkdir(parents=True)
    (site / "index.html").write_text("<!DOCTYPE html>\n", encoding="utf-8")
    (site / "icon.svg").write_text("<svg/>\n", encoding="utf-8")
    (site / "js" / "app.js").write_text("export {};\n", encoding="utf-8")
    for name in ("secret.txt", "js/.env", "../outside.js"):
        (site / name).write_text("secret", encoding="utf-8")
    return site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return site_in(tmp_path)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    site = site_in(tmp_path_factory.mktemp("served"))
    with austen_service() as client:
        client.app.state.page_files = PageFiles(site)  # type: ignore[attr-defined]
        yield client


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/index.html", "text/html; charset=utf-8"),
        ("/page/js/app.js", "text/javascript; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/page/describe.json", "application/json"),
        ("/page/model.bin", "application/octet-stream"),
    ],
)
def test_all_that_the_page_loads_has_strict_headers(client: TestClient, path: str, kind: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == kind
    assert response.headers["Cache-Control"] == "no-cache"
    assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "'unsafe" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/page/js/app.js", "/page/model.bin"])
def test_a_browser_that_has_it_gets_nothing_again(client: TestClient, path: str) -> None:
    tag = client.get(path).headers["ETag"]
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_has_the_headers_alone(client: TestClient) -> None:
    for path in ("/", "/page/js/app.js"):
        response = client.head(path)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["Content-Length"] == client.get(path).headers["Content-Length"]


@pytest.mark.parametrize("path", ["/page/..%2foutside.js", "/page/%00", "/page/js", "/page/nothing.js"])
def test_no_other_file_is_served(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text
    assert response.json()["error"]["type"] == "not_found_error"


def test_the_description_has_what_the_page_shows(client: TestClient) -> None:
    response = client.get("/page/describe.json")
    described = response.json()
    model = nextword.load("austen")
    assert set(described) == {
        *("name", "hash", "summary", "unit", "vocabularySize", "card", "figures", "chart", "passage", "bigramSource")
    }
    assert described["hash"] == response.headers["X-Model-Hash"]
    assert described["card"] == card_elements(model.card)
    assert (described["name"], described["unit"], described["bigramSource"]) == ("austen", "word", "text")
    assert described["vocabularySize"] == 9878
    assert described["figures"]["parameters"] == "3,624,502"
    assert described["chart"] is None
    assert len(described["passage"].split()) > 250


def test_the_packed_model_is_that_of_the_page(client: TestClient) -> None:
    response = client.get("/page/model.bin")
    model = nextword.load("austen")
    assert response.content == pack_model(model.bundle, facts=PageFacts(model_hash=response.headers["X-Model-Hash"]))


def test_a_model_in_memory_is_described_without_a_text() -> None:
    with service_of(tiny_model(name="small", kind="character", tokens=("<unk>", "<eos>", "a", "b"))) as client:
        described = client.get("/page/describe.json").json()
        assert (described["unit"], described["passage"], described["bigramSource"]) == ("character", None, "model")
        assert client.get("/page/model.bin").status_code == 200


def test_files_have_a_tag_of_their_content(site: Path) -> None:
    files = PageFiles(site)
    page, script = files.find("index.html"), files.find("js/app.js")
    assert page is not None
    assert script is not None
    assert page.content == b"<!DOCTYPE html>\n"
    assert page.tag != script.tag
    (site / "index.html").write_text("<!DOCTYPE html><title>Other</title>\n", encoding="utf-8")
    changed = PageFiles(site).find("index.html")
    assert changed is not None
    assert changed.tag != page.tag


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "js", "js/", "/index.html", "./index.html", "js/../index.html", "../outside.js", "secret.txt"),
        *("js/.env", "js\\app.js", "index.html\x00", "INDEX.HTML", "index.html/", "%2e%2e/outside.js"),
    ],
)
def test_no_other_name_is_found(site: Path, name: str) -> None:
    assert PageFiles(site).find(name) is None


def test_without_a_folder_there_are_no_files(tmp_path: Path) -> None:
    assert PageFiles(tmp_path / "absent").find("index.html") is None


def test_the_package_brings_the_scripts_of_the_page() -> None:
    script = PageFiles().find("js/model/engine.js")
    assert script is not None
    assert b"export" in script.content


@pytest.mark.parametrize(
    ("header", "found"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False), (None, False)],
)
def test_tags_are_compared(header: str | None, found: bool) -> None:
    assert matches('"a"', header) is found


def test_a_model_that_the_page_cannot_run_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_named: object) -> bytes:
        raise ExportError("a model must have one of the cells lstm, gru")

    monkeypatch.setattr("nextword.serving.routes.page.pack_model", refuse)
    model = tiny_model()
    with pytest.raises(ApiError, match="one of the cells lstm, gru") as caught:
        packed_model(model)
    assert caught.value.status == 404
    model.scheduler.close()


def test_a_run_adds_its_figures_and_its_curve(tmp_path: Path) -> None:
    shutil.copytree(sample_model_path("austen"), tmp_path / "model")
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    figures = {"perplexity": 65.004, "bits_per_character": 1.4, "num_out_of_vocabulary": 1, "accuracy": 0.2419}
    rows = [{"split": "test", **figures, "num_tokens": 8, "protocol": "every token once"}]
    (tmp_path / "metrics.json").write_text(json.dumps({"splits": rows}), encoding="utf-8")
    row = {"round": 1, "train_perplexity": 300.0, "valid_perplexity": 200.0}
    (tmp_path / "log.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    model = served(
        nextword.load("austen"), text=OriginText(Origin.of_bundle(tmp_path / "model")), methods="cache (cache_size 50)"
    )
    described = description_of(model)
    assert described.figures["perplexity (test)"] == "65.00"
    assert described.figures["accuracy (test)"] == "24.19%"
    assert described.figures["methods"] == "cache (cache_size 50)"
    assert described.chart == curve_chart([CurvePoint(1, 300.0, 200.0)])
    for damaged in ("metrics.json", "log.jsonl"):
        (tmp_path / damaged).write_text("{", encoding="utf-8")
    described = description_of(model)
    assert "perplexity (test)" not in described.figures
    assert described.chart is None
    model.scheduler.close()
