"""Training in the tasks of a real Ray cluster: two nodes on loopback, with one core each."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextword.bundle.population import Ensemble
from support.command_line import CommandLine
from support.ray_cluster import two_nodes

pytest.importorskip("ray", reason="needs Ray: pip install 'nextword[ray]'")

EXAMPLE = Path(__file__).parents[2] / "examples" / "processes" / "ray_tasks.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster_address() -> Iterator[str]:
    """The address of a cluster of two nodes."""
    with two_nodes() as address:
        yield address


def train_in_tasks(command_line: CommandLine, address: str, run: Path, strategy: str) -> list[list[float]]:
    """Run the example, and return the perplexities of each process that it prints."""
    environment = {"RAY_ADDRESS": address, "NEXTWORD_CACHE": str(command_line.folder / "cache")}
    done = subprocess.run(
        [sys.executable, EXAMPLE, command_line.text, run, "--strategy", strategy, "--epochs", "0.2"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = re.findall(r"^process \d+: valid perplexity (.*)$", done.stdout, re.MULTILINE)
    assert len(found) == 2, done.stdout
    return [[float(value) for value in line.split(", ")] for line in found]


def test_two_nodes_train_one_model_together(command_line: CommandLine, cluster_address: str, tmp_path: Path) -> None:
    ours = train_in_tasks(command_line, cluster_address, tmp_path / "run", "data-parallel")
    assert ours[0] == ours[1]
    assert (tmp_path / "run" / "model" / "weights.safetensors").is_file()


def test_two_nodes_train_a_population(command_line: CommandLine, cluster_address: str, tmp_path: Path) -> None:
    ours = train_in_tasks(command_line, cluster_address, tmp_path / "run", "population")
    assert ours[0] != ours[1]
    ensemble = Ensemble.read(tmp_path / "run")
    assert ensemble is not None
    assert ensemble.perplexity <= min(ensemble.perplexities)
