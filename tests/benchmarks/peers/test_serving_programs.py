"""The programs of the serving benchmark that need no model of nextword's."""

import ast
import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.inference.random_model import random_tokenizer, random_weights
from harness.inference.settings import ModelSize
from harness.serving.catalogue import pytorch_plan
from harness.serving.connection import Connection
from harness.serving.server import Server
from harness.speed.interpreters import pytorch_interpreter
from harness.speed.peer import PROGRAMS, PeerError

SIZE = ModelSize(vocabulary_size=60, hidden_size=6, num_layers=2)
PROGRAM = PROGRAMS / "serving_pytorch.py"
PATIENCE = 240


def require_fastapi() -> None:
    try:
        interpreter = pytorch_interpreter()
    except PeerError as error:
        pytest.skip(str(error))
    if subprocess.run([*interpreter, "-c", "import fastapi, uvicorn"], capture_output=True, check=False).returncode:
        pytest.skip("PyTorch's Python has no fastapi and uvicorn; `make peers` installs them")


def naive_log_probs(ids: list[int], end_id: int) -> list[float]:
    """The log-probability of each id after those before it, by the equations of the LSTM."""
    weights = {name: value.astype(np.float64) for name, value in random_weights(SIZE.architecture, 3).items()}
    embedding, found = weights["embedding/embeddings"], []
    states = [(np.zeros(SIZE.hidden_size), np.zeros(SIZE.hidden_size))] * SIZE.num_layers
    for before, after in zip([end_id, *ids], ids, strict=False):
        inputs, carried = embedding[before], []
        for layer, (hidden, former) in enumerate(states):
            names = (f"lstm_{layer}/{name}" for name in ("kernel", "recurrent_kernel", "bias"))
            kernel, recurrent, bias = (weights[name] for name in names)
            i, f, g, o = np.split(inputs @ kernel + hidden @ recurrent + bias, 4)
            cell = former / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            inputs = np.tanh(cell) / (1 + np.exp(-o))
            carried.append((inputs, cell))
        states = carried
        logits = embedding @ inputs + weights["projection/bias"]
        found.append(float(logits[after] - np.log(np.exp(logits).sum())))
    return found


async def ask(port: int, body: dict[str, Any]) -> dict[str, Any]:
    async with Connection(port) as connection:
        answer = await connection.complete(body)
    assert answer.ok, answer.body
    return answer.table


async def score(port: int, ids: list[int]) -> list[float]:
    async with Connection(port) as connection:
        answer = await connection.request("POST", "/log-probs", json.dumps(ids).encode())
    found: list[float] = json.loads(answer.body)
    return found


@pytest.mark.parametrize("one_at_a_time", [True, False])
def test_pytorch_serves_the_same_model(one_at_a_time: bool, tmp_path: Path) -> None:
    require_fastapi()
    tokens = random_tokenizer(SIZE.vocabulary_size, 1).vocabulary
    np.savez(tmp_path / "weights.npz", **random_weights(SIZE.architecture, 3))  # type: ignore[arg-type]
    (tmp_path / "words.json").write_text(json.dumps(tokens.tokens), encoding="utf-8")
    with Server(pytorch_plan(tmp_path, SIZE, None, one_at_a_time=one_at_a_time), timeout=PATIENCE) as server:
        found = asyncio.run(score(server.port, [5, 9, 2]))
        word = next(token for token in tokens.tokens if token.isalpha())
        body = {"model": "float32", "prompt": word, "max_tokens": 6, "temperature": 0.8, "top_p": 0.9, "seed": 4}
        answers = [asyncio.run(ask(server.port, body)) for _ in range(2)]
        versions = json.loads(server.get("/versions")[1])
    assert found == pytest.approx(naive_log_probs([5, 9, 2], tokens.end_id), abs=1e-5)
    assert answers[0] == answers[1]
    assert 1 <= answers[0]["usage"]["completion_tokens"] <= 6
    assert set(answers[0]["choices"][0]["text"].split()) <= {token.strip() for token in tokens.tokens}
    assert versions["threads"] >= 1


def test_pytorch_s_program_is_no_newer_than_its_python() -> None:
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 10))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in modules if name and name.startswith(("nextword", "harness"))]
