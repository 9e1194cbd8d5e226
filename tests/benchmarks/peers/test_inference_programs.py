"""The peers of the inference benchmark that need no model of nextword's.

The test of the whole command runs the others.
"""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.inference.catalogue import InferencePeer, groups
from harness.inference.random_model import random_weights
from harness.inference.settings import Effort, ModelSize
from harness.speed.interpreters import pytorch_interpreter
from harness.speed.peer import PROGRAMS, PeerError
from harness.speed.worker import Worker

SIZE = ModelSize(vocabulary_size=60, hidden_size=6, num_layers=2)
PATIENCE = 240

Array = NDArray[np.float64]
Weights = dict[str, NDArray[np.float32]]


def peer_named(name: str, folder: Path) -> InferencePeer:
    peers = [peer for group in groups(SIZE, Effort(), folder) for peer in group.peers]
    return next(peer for peer in peers if peer.name == name)


def sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


def naive_log_probs(weights: Weights, tokens: list[int], end_id: int) -> list[float]:
    """The log-probability of each token after those before it, by the equations of the LSTM, a token at a time."""
    embedding = weights["embedding/embeddings"].astype(np.float64)
    state = [(np.zeros(SIZE.hidden_size), np.zeros(SIZE.hidden_size)) for _ in range(SIZE.num_layers)]
    found = []
    for before, token in zip([end_id, *tokens], tokens, strict=False):
        inputs = embedding[before]
        for layer, (hidden, cell) in enumerate(state):
            kernel, recurrent, bias = (
                weights[f"lstm_{layer}/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
            )
            i, f, g, o = np.split(inputs @ kernel + hidden @ recurrent + bias, 4)
            next_cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            inputs = sigmoid(o) * np.tanh(next_cell)
            state[layer] = (inputs, next_cell)
        logits = embedding @ inputs + weights["projection/bias"]
        found.append(float(logits[token] - np.log(np.exp(logits).sum())))
    return found


def write_models(folder: Path, *, error: float = 0.0) -> None:
    """Write what PyTorch's peers read: weights, and a share of two sentences with their log-probabilities."""
    weights = random_weights(SIZE.architecture, 3)
    np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]
    targets = np.array([[5, 9, 2, 0], [7, 0, 0, 0]], np.int32)
    inputs = np.array([[0, 5, 9, 2], [0, 7, 0, 0]], np.int32)
    log_probs = np.array([naive_log_probs(weights, row, 0) for row in targets.tolist()]) + error
    log_probs[1, 2:] = 99.0  # padding, which nobody may look at
    share: dict[str, Any] = {"inputs_0": inputs, "targets_0": targets, "lengths_0": np.array([4, 2])}
    np.savez(folder / "share-0.npz", **share, log_probs_0=log_probs)


@pytest.mark.parametrize("name", ["pytorch-step-float32-without-onednn", "pytorch-step-int8", "pytorch-score-float32"])
def test_pytorch_runs_the_same_model(name: str, tmp_path: Path) -> None:
    require_pytorch()
    write_models(tmp_path)
    with Worker(peer_named(name, tmp_path), timeout=PATIENCE) as worker:
        answer = worker.run(2)
    (seconds,) = answer.seconds.values()
    assert len(seconds) == 2
    assert all(each > 0 for each in seconds)
    assert worker.description.dtype in name
    second_biases = 4 * SIZE.hidden_size * SIZE.num_layers
    assert worker.description.parameters == SIZE.architecture.num_parameters + second_biases


def test_another_model_than_ours_is_not_measured(tmp_path: Path) -> None:
    require_pytorch()
    write_models(tmp_path, error=0.01)
    with (
        pytest.raises(PeerError, match=r"another model: a log-probability is 0\.01 away"),
        Worker(peer_named("pytorch-step-float32", tmp_path), timeout=PATIENCE),
    ):
        pass


def require_pytorch() -> None:
    try:
        pytorch_interpreter()
    except PeerError as error:
        pytest.skip(str(error))


def test_a_cold_start_without_an_answer_is_not_measured(tmp_path: Path) -> None:
    with (
        pytest.raises(PeerError, match=r"gave no answer: error: .*no such directory"),
        Worker(peer_named("nextword-start", tmp_path), timeout=PATIENCE),
    ):
        pass


PROGRAMS_OF_PYTORCH = sorted(PROGRAMS.glob("inference_pytorch*.py"))


@pytest.mark.parametrize(
    "program", [*PROGRAMS_OF_PYTORCH, PROGRAMS / "inference_shares.py"], ids=lambda path: path.stem
)
def test_what_pytorch_s_python_runs_is_no_newer_than_it(program: Path) -> None:
    tree = ast.parse(program.read_text(encoding="utf-8"), feature_version=(3, 10))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in modules if name and name.startswith("nextword")]
    assert len(PROGRAMS_OF_PYTORCH) == 3


def test_the_work_is_what_the_programs_read(tmp_path: Path) -> None:
    table = json.loads(json.dumps(peer_named("pytorch-step-int8", tmp_path).workload.to_table()))
    for program in PROGRAMS_OF_PYTORCH:
        asked = [
            node.slice.value
            for node in ast.walk(ast.parse(program.read_text(encoding="utf-8")))
            if isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == "settings"
            and isinstance(node.slice, ast.Constant)
        ]
        assert set(asked) <= table.keys()
