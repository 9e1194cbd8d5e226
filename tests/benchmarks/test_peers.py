"""The arithmetic of the peers, and what PyTorch's Python asks of their code."""

import ast
import importlib
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.process import PROGRAMS, PeerUnableError
from harness.training_peers import peers_of
from harness.workload import Workload

NAMES = (
    *("pytorch", "inference_pytorch", "serving_pytorch"),
    *("quality_transformer", "quality_mingru", "quality_word_language_model"),
)
NEIGHBORS = ("peer_protocol", "quality_protocol", "inference_shares")
OVERRIDES: dict[str, dict[str, Any]] = {
    "model": {
        "vocabulary_size": 40,
        "embedding_size": 6,
        "hidden_sizes": [8, 8, 5],
        "tied": False,
        "input_dropout_rate": 0.1,
        "hidden_dropout_rate": 0.2,
        "output_dropout_rate": 0.3,
    },
    "batching": {"batch_size": 3, "num_steps": 4},
}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Imports a program by its name."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return importlib.import_module


@pytest.mark.parametrize("name", [*NAMES, *NEIGHBORS])
def test_what_pytorch_s_python_runs_is_no_newer_than_it(name: str) -> None:
    tree = ast.parse((PROGRAMS / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 10))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not any(module.startswith("nextword") for module in modules)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nextword", "keras-jax", "pytorch-float32", "pytorch-bfloat16", "tutorial"])
def test_the_peers_train_the_same_model(request: pytest.FixtureRequest, name: str) -> None:
    if name.startswith("pytorch"):
        request.getfixturevalue("torch")
    workload = Workload.of("quick", OVERRIDES)
    peer, _ = peers_of(workload)[name]
    peer.settings = {**workload.to_table(), "compute_dtype": peer.settings["compute_dtype"]}
    try:
        with peer:
            peer.run(2)
    except PeerUnableError as error:  # PyTorch has no LSTM in bfloat16 on some processors
        pytest.skip(str(error))
    assert [len(seconds) for seconds in peer.seconds.values()] == [2]
    assert 10**7 < peer.peak_memory_bytes < 10**11
    # PyTorch gives each gate two biases, which are added to each other.
    more = sum(4 * size for size in workload.architecture.hidden_sizes) if name.startswith("pytorch") else 0
    assert peer.description["parameters"] == workload.architecture.num_parameters + more


@given(num_tokens=st.integers(1, 200), context=st.integers(1, 50), data=st.data())
def test_windows_count_each_token_once_and_know_enough_before_it(num_tokens: int, context: int, data: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROGRAMS))
        slides = importlib.import_module("quality_protocol").slides
    stride = data.draw(st.integers(1, context))
    windows = list(slides(num_tokens, context, stride))
    counted = [token for window in windows for token in range(window.counted, window.stop)]
    assert counted == list(range(num_tokens))
    for window in windows:
        assert 0 <= window.start <= window.counted < window.stop
        assert window.stop - window.start == min(context, num_tokens)
        assert all(token - window.start >= min(token, context - stride) for token in range(window.counted, window.stop))


def test_the_denominator_is_the_number_of_tokens(program: Callable[[str], Any], tmp_path: Path) -> None:
    protocol = program("quality_protocol")
    for split, length in (("valid", 5), ("test", 7)):
        np.save(tmp_path / f"{split}.npy", np.arange(length))
    task = protocol.Task(str(tmp_path), vocabulary_size=9, end_id=2, minutes=1)
    perplexities = protocol.exact_perplexities(task, lambda ids: {"stream": len(ids) * math.log(3)})
    assert perplexities["stream"] == pytest.approx({"valid": 3, "test": 3})
    assert protocol.shifted(np.array([5, 6, 7]), 2).tolist() == [2, 5, 6]


def test_the_tutorial_s_program_is_judged_by_its_windows_and_as_a_stream(program: Callable[[str], Any]) -> None:
    tutorial = program("quality_tutorial")
    recipe = {"embedding_size": 5, "hidden_sizes": [6, 7], "output_dropout_rate": 0.5}
    network = tutorial.build({**recipe, "vocabulary_size": 20}, 4)
    reader = tutorial.Reader(network, recipe)
    ids = np.random.default_rng(0).integers(20, size=13)
    inputs, targets = ids[:-1], ids[1:]

    def loss_of(inputs: Any, targets: Any) -> float:
        probabilities = network.predict_on_batch(inputs.reshape(-1, 4)).reshape(-1, 20)
        return float(-np.log(probabilities[np.arange(len(targets)), targets]).sum())

    assert tutorial.loss_in_windows(reader, inputs, targets, 2, 4) == pytest.approx(loss_of(inputs, targets), rel=1e-4)
    first = tutorial.loss_as_stream(reader, inputs[:4], targets[:4], 4)
    assert first == pytest.approx(loss_of(inputs[:4], targets[:4]), rel=1e-4)
    streams = [tutorial.loss_as_stream(reader, inputs, targets, num_steps) for num_steps in (2, 5, 12)]
    assert streams == pytest.approx([streams[0]] * 3, rel=1e-4)
    # The windows forget, and the last may be shorter than the others.
    assert streams[0] != pytest.approx(loss_of(inputs, targets), rel=1e-6)
    shorter = tutorial.loss_in_windows(reader, inputs[:6], targets[:6], 2, 4)
    rest = tutorial.loss_as_stream(reader, inputs[4:6], targets[4:6], 2)
    assert shorter == pytest.approx(first + rest, rel=1e-4)


@pytest.mark.slow
def test_the_programs_on_pytorch_do_what_they_say(torch: list[str]) -> None:
    checks = Path(__file__).with_name("check_quality_torch.py")
    done = subprocess.run([*torch, str(checks), str(PROGRAMS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == checks.read_text(encoding="utf-8").count("def check_")
