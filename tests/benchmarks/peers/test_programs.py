"""The peers themselves, each as a process, at sizes at which they do next to nothing.

The test of the whole command runs models with a shared embedding, and the products.
"""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.speed.catalogue import catalogue
from harness.speed.interpreters import pytorch_interpreter
from harness.speed.peer import PROGRAMS, Peer, PeerError, PeerUnableError
from harness.speed.worker import Answer, Worker
from harness.speed.workload import Tables, Workload
from nextword.machine.framework import ComputeDtype

PATIENCE = 240
STEPS = 2

MODELS: dict[str, dict[str, Any]] = {
    "tied": {"embedding_size": 6, "hidden_sizes": [8, 6], "tied": True},
    "separate": {"embedding_size": 6, "hidden_sizes": [8, 8, 5], "tied": False},
}
DROPOUT: dict[str, Any] = {"input_dropout_rate": 0.1, "hidden_dropout_rate": 0.2, "output_dropout_rate": 0.3}


def workload_of(model: str) -> Workload:
    given: Tables = {
        "model": {"vocabulary_size": 40, **DROPOUT, **MODELS[model]},
        "batching": {"batch_size": 3, "num_steps": 4},
    }
    return Workload.of("quick", given)


def measure(peer: Peer) -> tuple[Worker, Answer]:
    with Worker(peer, timeout=PATIENCE) as worker:
        answer = worker.run(STEPS)
        again = worker.run(STEPS + 1)
    assert {len(seconds) for seconds in answer.seconds.values()} == {STEPS}
    assert {len(seconds) for seconds in again.seconds.values()} == {STEPS + 1}
    assert all(seconds > 0 for each in answer.seconds.values() for seconds in each)
    assert 10**7 < answer.peak_memory_bytes < 10**11
    assert worker.description.threads >= 1
    return worker, answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model", "dtype"), [("nextword", "separate", "bfloat16"), ("keras-jax", "separate", "float32")]
)
def test_the_peers_on_keras_train_the_same_model(name: str, model: str, dtype: ComputeDtype) -> None:
    workload = workload_of(model).in_precision(dtype)
    worker, answer = measure(catalogue(workload)[name])
    assert list(answer.seconds) == ["step"]
    assert worker.description.parameters == workload.architecture.num_parameters
    assert worker.description.dtype == dtype
    assert worker.description.versions.keys() >= {"python", "keras", "jax", "jaxlib"}


@pytest.mark.slow
def test_the_tutorial_s_program_trains_the_tutorial_s_model() -> None:
    tiny: Tables = {
        "model": {"vocabulary_size": 40, "embedding_size": 5, "hidden_sizes": [5, 5]},
        "batching": {"num_steps": 3},
    }
    workload = Workload.of("tutorial", tiny)
    peer = catalogue(workload)["tutorial"]
    tiny_peer = Peer(peer.name, peer.program, workload, peer.interpreter, peer.environment)
    worker, answer = measure(tiny_peer)
    assert list(answer.seconds) == ["step"]
    assert worker.description.parameters == workload.architecture.num_parameters
    assert worker.description.dtype == "float32"


@pytest.mark.parametrize(("name", "model"), [("pytorch-float32", "separate"), ("pytorch-bfloat16", "tied")])
def test_pytorch_trains_the_same_model(name: str, model: str) -> None:
    try:
        pytorch_interpreter()
    except PeerError as error:
        pytest.skip(str(error))
    workload = workload_of(model)
    try:
        worker, _ = measure(catalogue(workload)[name])
    except PeerUnableError as error:
        pytest.skip(str(error))
    # PyTorch gives each gate two biases, which are added to each other.
    second_biases = sum(4 * hidden_size for hidden_size in workload.architecture.hidden_sizes)
    assert worker.description.parameters == workload.architecture.num_parameters + second_biases
    assert worker.description.dtype == name.removeprefix("pytorch-")


def test_pytorch_says_that_it_has_no_bfloat16_lstm_without_avx_512() -> None:
    try:
        pytorch_interpreter()
    except PeerError as error:
        pytest.skip(str(error))
    peer = catalogue(workload_of("tied"))["pytorch-bfloat16"]
    without = {**peer.environment, "ONEDNN_MAX_CPU_ISA": "AVX2"}  # as on a processor that has no more
    with pytest.raises(PeerUnableError, match="PyTorch's LSTM does not run in bfloat16 on this processor"):
        measure(replace(peer, environment=without))


def test_a_peer_that_cannot_run_here_is_told_from_one_that_fails(tmp_path: Path) -> None:
    program = tmp_path / "unable.py"
    program.write_text(
        f"import sys\nsys.path.insert(0, {str(PROGRAMS)!r})\nfrom peer_protocol import UnableError, serve\n\n\n"
        "def prepare(settings):\n    raise UnableError('no such processor')\n\n\nserve(prepare)\n",
        encoding="utf-8",
    )
    peer = replace(catalogue(workload_of("tied"))["nextword"], program=program)
    with pytest.raises(PeerUnableError, match="cannot run here: no such processor"):
        measure(peer)


@pytest.mark.parametrize("program", ["peer_protocol.py", "pytorch.py"])
def test_what_pytorch_s_python_runs_is_no_newer_than_it(program: str) -> None:
    ast.parse((PROGRAMS / program).read_text(encoding="utf-8"), feature_version=(3, 10))
    assert "nextword" not in imported_by(PROGRAMS / program)


def imported_by(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in [*names, *modules]}
