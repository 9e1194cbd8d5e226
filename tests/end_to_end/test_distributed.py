"""Two real processes that train one model, over Gloo on this machine."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.text.sources.samples import sample_path
from support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROGRAM = """
import json, sys
rank, count, address, text, run, settings = json.loads(sys.argv[1])
import jax
if count > 1:
    jax.distributed.initialize(address, count, rank)
import nextword
from nextword.cli.output.messages import error_text
from nextword.errors import NextwordError
small = {"embedding_size": 16, "hidden_sizes": [16], "num_steps": 10, "round_steps": 50, "mixture": False}
try:
    nextword.train(text, preset="quick", run=run, verbose=0, settings={**small, "compute_dtype": "float32", **settings})
except NextwordError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(sample_path("austen").read_text(encoding="utf-8")[:160_000], encoding="utf-8")
    return path


@contextmanager
def started(count: int, text: Path, run: Path, **settings: Any) -> Iterator[list[subprocess.Popen[str]]]:
    address = f"127.0.0.1:{free_port()}"
    given = [json.dumps([rank, count, address, str(text), str(run), settings]) for rank in range(count)]
    processes = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", PROGRAM, each], stderr=subprocess.PIPE, text=True)
        for each in given
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def losses(count: int, text: Path, run: Path, **settings: Any) -> list[float]:
    with started(count, text, run, **settings) as processes:
        for process in processes:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors
    return losses_in(run)


def losses_in(run: Path) -> list[float]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [float(np.log(json.loads(line)["valid_perplexity"])) for line in lines]


def test_two_processes_equal_one_with_twice_the_batch(text: Path, tmp_path: Path) -> None:
    settings = {"epochs": 1.0, "sync_every": 1}
    two = losses(2, text, tmp_path / "two", batch_size=8, **settings)
    one = losses(1, text, tmp_path / "one", batch_size=16, **settings)
    assert len(two) >= 4  # rounds of fifty steps
    assert two == pytest.approx(one, abs=1e-4)


def test_with_weights_averaged_now_and_then_two_learn_too(text: Path, tmp_path: Path) -> None:
    found = losses(2, text, tmp_path / "two", batch_size=8, epochs=1.0, sync_every=16)
    assert found[-1] < found[0]


@pytest.mark.parametrize("every", [1, 16])
def test_a_lost_process_ends_the_other_and_the_run_resumes_to_the_same_weights(
    text: Path, tmp_path: Path, every: int
) -> None:
    settings = {"epochs": 1.0, "batch_size": 8, "sync_every": every}
    with started(2, text, tmp_path / "cut", **settings) as processes:
        end = time.monotonic() + 200
        while not (tmp_path / "cut" / "log.jsonl").is_file() and time.monotonic() < end:
            time.sleep(0.02)
        processes[1].kill()
        _, errors = processes[0].communicate(timeout=100)
    assert processes[0].returncode == 2, errors
    assert "processes must" in errors
    assert "start all again with `train --resume RUN`" in errors
    assert "Traceback" not in errors
    assert losses(2, text, tmp_path / "cut", **settings) == losses(2, text, tmp_path / "at once", **settings)
    weights = [tmp_path / name / "model" / "weights.safetensors" for name in ("cut", "at once")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def python_with(package: str, folder: Path) -> dict[str, str]:
    """Return an environment in which a package can be imported that is not installed here."""
    subprocess.run([sys.executable, "-m", "venv", folder / "pip"], check=True)
    where = folder / "packages"
    subprocess.run([folder / "pip" / "bin" / "pip", "install", "-q", "--target", where, package], check=True)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path[1:], str(where)])}


@pytest.mark.nightly  # it installs what Open MPI needs
@pytest.mark.skipif(shutil.which("mpirun") is None, reason="needs Open MPI")
def test_open_mpi_starts_two_processes_that_train_one_model(text: Path, tmp_path: Path) -> None:
    environment = python_with("mpi4py", tmp_path)
    train: list[str | Path] = [
        sys.executable,
        "-m",
        "nextword",
        "train",
        text,
        "--preset",
        "quick",
        "--epochs",
        "0.3",
        "--no-mixture",
    ]
    small: list[str | Path] = [
        "--embedding-size",
        "16",
        "--hidden-sizes",
        "16",
        "--batch-size",
        "8",
        "--json",
        "--run",
        tmp_path / "run",
    ]
    launcher: list[str | Path] = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2"]
    done = subprocess.run([*launcher, *train, *small], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["run"] == str(tmp_path / "run")


@pytest.mark.nightly  # it installs Ray
def test_two_workers_of_ray_train_one_model(text: Path, tmp_path: Path) -> None:
    environment = python_with("ray[train]", tmp_path)
    example = Path(__file__).parents[2] / "examples" / "ray_train.py"
    command: list[str | Path] = [sys.executable, example, text, tmp_path / "run", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model" / "weights.safetensors").is_file()
