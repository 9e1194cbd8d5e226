"""Requests over reloads: none fails, and none mixes models."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from nextword.bundle.store import model_sha256
from nextword.serving.http.access import Access
from support.started_service import started_service
from support.tiny_bundle import write_tiny_bundle
from support.trust_cases import TrustCases

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
        expected = {model_sha256(path): await _expected(client)}
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
                expected[model_sha256(path)] = await _expected(client)
        return answers, expected, statuses


def test_500_requests_over_ten_reloads_five_of_them_bad(tmp_path: Path, trust_cases: TrustCases) -> None:
    path = write_tiny_bundle(tmp_path / "model", "served", seed=1)
    with started_service(path, access=Access.of("127.0.0.1", keys=[KEY])) as url:
        answers, expected, statuses = asyncio.run(_load(url, path))
    assert statuses == {200: 5, 409: 5}
    assert len(answers) == NUM_REQUESTS
    assert len(expected) == 6
    for digest, route, value in answers:
        known = expected[digest][route]
        assert value == (pytest.approx(known, abs=1e-4) if route == "/v1/score" else known)
    assert len({digest for digest, _, _ in answers}) > 1
    assert len({str(each) for each in expected.values()}) == 6  # the models differ
    trust_cases.add(len(answers), len(answers), reloads=sum(statuses.values()))
