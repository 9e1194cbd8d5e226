"""Programs in processes of their own: they take turns, and always end."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.interpreters import Interpreter, own_interpreter
from harness.process import PeerError, Process
from harness.report import Report
from harness.rotation import Peer, rotate

MakePeer = Callable[..., Peer]
Journal = Callable[[], list[str]]

PATIENCE = 60


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Reads what the fake peers did, in order."""
    path = tmp_path / "journal"
    return lambda: path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path) -> MakePeer:
    """Makes peers that run `fake_peer.py`, with a common journal."""

    def make(name: str, fault: str = "", *seconds: float, interpreter: Interpreter = own_interpreter) -> Peer:
        settings = {"name": name, "seconds": seconds or [1.0], "fault": fault, "journal": str(tmp_path / "journal")}
        return Peer(name, str(Path(__file__).with_name("fake_peer.py")), settings, interpreter)

    return make


def is_running(journal: Journal) -> bool:
    return any(Path("/proc", line.partition(" as ")[2]).exists() for line in journal() if " as " in line)


FAULTS = {
    "crash": "ended with exit code 1: ValueError: .*out of ideas",
    "killed": "was killed by SIGKILL",
    "nonsense": "answered in an unknown form",
    "a-list": "answered in an unknown form",
    "another-form": "answered in an unknown form",
    "hang": r"gave no answer within 2 seconds.*longer `--timeout`",
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_peer_that_fails_is_ended_and_missing(fake: MakePeer, journal: Journal, fault: str, reason: str) -> None:
    report = Report("training")
    peers = [fake("a"), fake("b", fault), fake("c")]
    timeout = 2 if fault == "hang" else PATIENCE
    workers = rotate(peers, report, repeats=3, steps=2, timeout=timeout)
    assert list(workers) == ["a", "c"]
    assert all(len(worker.seconds["step"]) == 6 for worker in workers.values())
    with pytest.raises(PeerError, match=reason):
        raise PeerError(report.missing["b"])
    assert not is_running(journal)


def test_peers_start_one_after_the_other_and_run_in_turn(fake: MakePeer, journal: Journal) -> None:
    rotate([fake("a"), fake("b")], Report("training"), repeats=3, steps=2, timeout=PATIENCE)
    starts = [f"{name} starts" for name in ("a", "b")]
    assert [line.partition(" as ")[0] for line in journal()] == [*starts, *["a runs 2", "b runs 2"] * 3]


def test_ctrl_c_while_a_program_starts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(start(*arguments, **options))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), Process([sys.executable, "-c", "import time; time.sleep(600)"], {}):
        pass
    assert started[0].poll() == -signal.SIGKILL
