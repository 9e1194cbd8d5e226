import importlib.util
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from nextword.serving.served_model import ModelSource
from nextword.serving.server import ServerOptions
from support.commands import Command, nextword
from support.raw_http import exchange, get, post
from support.serve_process import serve_process

KEY = "k" * 24

EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ModelSource, ServerOptions]]:
    """What the command would serve, and how."""
    found: list[tuple[ModelSource, ServerOptions]] = []

    def serve(source: ModelSource, options: ServerOptions) -> int:
        found.append((source, options))
        return 128 + signal.SIGTERM

    monkeypatch.setattr("nextword.serving.server.serve", serve)
    return found


def test_the_exit_code_is_that_of_the_signal(started: list[tuple[ModelSource, ServerOptions]]) -> None:
    assert nextword("serve", "austen") == 143
    ((source, options),) = started
    assert source.path.name == "austen"
    assert (options.host, options.port, options.log) == ("127.0.0.1", 8000, None)
    assert options.access.key_digests == ()


def test_a_model_is_served_with_its_mixture_or_as_its_network(started: list[tuple[ModelSource, ServerOptions]]) -> None:
    for flags in ((), ("--method", "mixture"), ("--method", "static")):
        nextword("serve", "austen", *flags)
    assert [source.method for source, _ in started] == ["mixture", "mixture", "static"]


def test_flags_and_variables_reach_the_server(
    started: list[tuple[ModelSource, ServerOptions]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEY + "\n", encoding="utf-8")
    monkeypatch.setenv("NEXTWORD_SERVE_API_KEYS", "o" * 24)
    monkeypatch.setenv("NEXTWORD_SERVE_MAX_ACTIVE", "7")
    nextword(
        "serve", "austen", "--host", EVERYWHERE, "--port", "0", "--api-key-file", keys, "--allow-host", "a.example",
        "--allow-host", "b.example", "--allow-origin", "https://c.example", "--method", "static",
        "--engine", "onnx", "--data-dir", tmp_path, "-v",
    )  # fmt: skip
    ((source, options),) = started
    assert (source.method, source.engine, source.settings.max_active, source.data_dir) == (
        "static",
        "onnx",
        7,
        tmp_path,
    )
    assert (options.host, options.port, options.settings.max_active) == (EVERYWHERE, 0, 7)
    assert len(options.access.key_digests) == 2
    assert {"a.example", "b.example"} < options.access.names
    assert options.access.origins == ("https://c.example",)
    assert options.log is not None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["austen", "--host", EVERYWHERE], "--api-key-file"),
        (["austen", "--port", "70000"], "--port"),
        (["austen", "--method", "magic"], "magic"),
        (["austen", "--allow-host", "https://a.example"], "--allow-host"),
        (["austen", "--allow-origin", "*"], "--allow-origin"),
        (["austen", "--api-key-file", "missing"], "--api-key-file"),
        (["austen", "--api-key", KEY], "No such option"),
        (["nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_an_error(arguments: list[str], told: str, mistake: Command) -> None:
    error = mistake("serve", *arguments)
    assert error.startswith("error: ")
    assert told in error


def test_a_bad_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, mistake: Command) -> None:
    monkeypatch.setenv("NEXTWORD_SERVE_QUEUE_LENGTH", "many")
    assert "NEXTWORD_SERVE_QUEUE_LENGTH" in mistake("serve", "austen")


def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, mistake: Command) -> None:
    monkeypatch.setattr("nextword.serving", sys.modules["nextword.serving"])  # the command imports it again
    for name in [name for name in sys.modules if name.startswith("nextword.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "pip install 'nextword[serve]'" in mistake("serve", "austen")
    assert importlib.util.find_spec("nextword.serving") is not None


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_a_service_with_keys_and_a_log() -> None:
    environment = {"NEXTWORD_SERVE_API_KEYS": KEY}
    with serve_process("austen", "--method", "static", "--verbose", environment=environment) as process:
        port = process.port
        assert process.output.count("http://127.0.0.1:") == 1
        assert exchange(port, get("/metrics")).status == 401
        key = f"Authorization: Bearer {KEY}"
        figures = exchange(port, get("/metrics", key)).body.decode()
        assert re.search(r'nextword_model_info\{.*methods="static: the network alone"', figures)
        asked = b'{"model": "austen", "prompt": "I am a secret", "max_tokens": 5}'
        assert exchange(port, post("/v1/completions", asked, key)).status == 200
        assert process.stop() == 143
    assert re.search(r'Z 127\.0\.0\.1 "POST /v1/completions" 200 [0-9.]+ s$', process.output, re.MULTILINE)
    assert '"GET /metrics" 401' in process.output
    assert "secret" not in process.output
    assert KEY not in process.output
