"""Requests over reloads: none fails, and none mixes models."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from nextword.bundle.store import weights_sha256
from support.running_server import running_server
from support.tiny_bundle import write_tiny_bundle
from support.waiting import wait_until

NUM_REQUESTS, NUM_RELOADS = 500, 10
TEXT = "it is so, and it was not so."
KEY = "0123456789abcdef"


def _bodies(number: int) -> tuple[str, dict[str, Any]]:
    if number % 2:
        return "/v1/score", {"text": TEXT}
    return "/v1/completions", {"model": "served", "prompt": "it is", "max_tokens": 8, "seed": 7}


def _damage(path: Path) -> None:
    data = bytearray((path / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (path / "model.onnx").write_bytes(data)


async def _ask(client: httpx2.AsyncClient, number: int) -> tuple[str, str, Any]:
    path, body = _bodies(number)
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    table = answer.json()
    assert table["system_fingerprint"] == f"served-{answer.headers['X-Model-Hash'][:12]}"
    return answer.headers["X-Model-Hash"], path, table.get("log_prob") or table["choices"][0]["text"]


async def _expected(client: httpx2.AsyncClient) -> dict[str, Any]:
    """Return what the current model answers, by route."""
    return {path: value for _, path, value in [await _ask(client, number) for number in (0, 1)]}


async def _load(url: str, path: Path) -> tuple[list[tuple[str, str, Any]], dict[str, dict[str, Any]], Counter[int]]:
    headers, statuses = {"Authorization": f"Bearer {KEY}"}, Counter[int]()
    limits = httpx2.Limits(max_connections=20)
    async with httpx2.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=120) as client:
        expected = {weights_sha256(path): await _expected(client)}
        answers: list[tuple[str, str, Any]] = []
        for reload in range(NUM_RELOADS):
            write_tiny_bundle(path, "served", seed=reload + 2, replace=True)
            if reload % 2:
                _damage(path)
            first = reload * NUM_REQUESTS // NUM_RELOADS
            asked = [asyncio.create_task(_ask(client, first + each)) for each in range(NUM_REQUESTS // NUM_RELOADS)]
            await asyncio.sleep(0)
            statuses[(await client.post("/admin/reload")).status_code] += 1
            answers += await asyncio.gather(*asked)
            if not reload % 2:
                expected[weights_sha256(path)] = await _expected(client)
        return answers, expected, statuses


def test_500_requests_over_ten_reloads_five_of_them_bad(tmp_path: Path) -> None:
    path = write_tiny_bundle(tmp_path / "model", "served", seed=1)
    with running_server(path, keys=[KEY]) as host:
        answers, expected, statuses = asyncio.run(_load(f"http://{host}", path))
    assert statuses == {200: 5, 409: 5}
    assert len(answers) == NUM_REQUESTS
    assert len(expected) == 6
    for digest, route, value in answers:
        known = expected[digest][route]
        assert value == (pytest.approx(known, abs=1e-4) if route == "/v1/score" else known)
    assert len({digest for digest, _, _ in answers}) > 1
    assert len({str(each) for each in expected.values()}) == 6  # the models differ


def test_a_stream_ends_on_the_model_that_began_it(tmp_path: Path) -> None:
    path = write_tiny_bundle(tmp_path / "model", "served", seed=1)
    first = weights_sha256(path)
    body = {"model": "served", "prompt": "it is", "max_tokens": 500, "temperature": 1.0, "seed": 5}

    def events(answer: Any) -> Iterator[dict[str, Any]]:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))

    with running_server(path) as host, httpx2.Client(base_url=f"http://{host}", timeout=120) as client:
        whole = client.post("/v1/completions", json=body).json()["choices"][0]["text"]
        with client.stream("POST", "/v1/completions", json={**body, "stream": True}) as answer:
            streamed = events(answer)
            pieces = [next(streamed)]
            write_tiny_bundle(path, "served", seed=2, replace=True)
            reloaded = httpx2.post(f"http://{host}/admin/reload", timeout=120).json()
            pieces += streamed
        assert client.post("/v1/completions", json=body).json()["choices"][0]["text"] != whole
    assert reloaded["former_hash"] == first != reloaded["hash"]
    assert {piece["system_fingerprint"] for piece in pieces} == {f"served-{first[:12]}"}
    assert "".join(piece["choices"][0]["text"] for piece in pieces if piece["choices"]) == whole


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no SIGHUP")
def test_sighup_reloads_the_model_of_a_process(tmp_path: Path) -> None:
    path = write_tiny_bundle(tmp_path / "model", "first", seed=1)
    with _process(path) as (process, url):
        assert _name(url) == "first"
        write_tiny_bundle(path, "second", seed=2, replace=True)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: _name(url) == "second", patience=60)
        _damage(path)
        process.send_signal(signal.SIGHUP)
        assert _next_line(process.stderr, "not reloaded")
        assert _name(url) == "second"


@contextmanager
def _process(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "nextword", "serve", str(path), "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            line = _next_line(process.stderr, "serving")
            yield process, line.split()[-1].rstrip("/")
        finally:
            process.terminate()
            process.wait(60)


def _next_line(stream: Any, part: str) -> str:
    """Return the next line that has a part."""
    for line in stream:
        if part in line:
            return str(line)
    raise AssertionError(f"the process ended without a line with {part!r}")


def _name(url: str) -> str:
    return str(httpx2.get(f"{url}/v1/models").json()["data"][0]["id"])
