from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.speed.interpreters import own_interpreter
from harness.speed.peer import Peer
from harness.speed.workload import Tables, Workload

MakePeer = Callable[..., Peer]

TINY: Tables = {
    "model": {"vocabulary_size": 50, "embedding_size": 8, "hidden_sizes": [8, 8], "tied": True},
    "batching": {"batch_size": 2, "num_steps": 3},
}


@pytest.fixture
def tiny() -> Workload:
    """A workload of no weight."""
    return Workload.of(None, TINY)


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    """Where the fake peers write what they do."""
    return tmp_path / "journal"


@pytest.fixture
def journal(journal_path: Path) -> Callable[[], list[str]]:
    """Reads what the fake peers did, in order."""
    return lambda: [line.partition(" as ")[0] for line in _lines(journal_path)]


@pytest.fixture
def process_ids(journal_path: Path) -> Callable[[], list[int]]:
    """Reads the process ids of the fake peers."""
    return lambda: [int(line.partition(" as ")[2]) for line in _lines(journal_path) if " as " in line]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def fake(journal_path: Path, tiny: Workload) -> MakePeer:
    """Makes peers that run `fake_peer.py`, with a common journal."""

    def make(
        name: str,
        *,
        seconds: str = "1",
        fault: str = "",
        what: str = "step",
        workload: Workload = tiny,
        compared_with: str | None = None,
        interpreter: Callable[[], Sequence[str]] = own_interpreter,
    ) -> Peer:
        told = {"NAME": name, "SECONDS": seconds, "FAULT": fault, "WHAT": what, "JOURNAL": str(journal_path)}
        program = Path(__file__).with_name("fake_peer.py")
        return Peer(name, program, workload, interpreter, told, compared_with)

    return make
