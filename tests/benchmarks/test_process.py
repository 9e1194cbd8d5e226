"""Programs in processes of their own: they take turns, and always end."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.interpreters import Interpreter, interpreter_with, own_interpreter
from harness.process import PROGRAMS, PeerError, PeerUnableError, Process
from harness.report import Report
from harness.rotation import Peer, rotate
from support.waiting import wait_until

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


def test_a_peer_is_started_with_its_settings_and_answers(fake: MakePeer, journal: Journal) -> None:
    with fake("a", "", 0.5, 0.25) as peer:
        assert peer.description == {"parameters": 7}
        assert peer.run(3) == {"step": [0.5, 0.5, 0.5]}
        assert peer.run(1) == {"step": [0.25]}
        assert is_running(journal)
    assert peer.seconds == {"step": [0.5, 0.5, 0.5, 0.25]}
    assert peer.peak_memory_bytes == 2000
    assert not is_running(journal)


FAULTS = {
    "crash": "ended with exit code 1: ValueError: .*out of ideas",
    "killed": "was killed by SIGKILL",
    "nonsense": "answered in an unknown form",
    "a-list": "answered in an unknown form",
    "another-form": "answered in an unknown form",
    "hang": r"gave no answer within 2 seconds.*longer `--timeout`",
}


@pytest.mark.parametrize("start", ["", " at start"])
@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_peer_that_fails_is_ended_and_missing(
    fake: MakePeer, journal: Journal, fault: str, reason: str, start: str
) -> None:
    report = Report("training")
    peers = [fake("a"), fake("b", fault + start), fake("c")]
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


def test_a_peer_without_an_interpreter_is_missing(fake: MakePeer, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report("training")
    nowhere = fake("a", interpreter=lambda: ("/no/such/python",))
    lacking = fake("b", interpreter=lambda: interpreter_with("torch", "no-such-python"))
    assert rotate([nowhere, lacking], report, repeats=1, steps=1, timeout=PATIENCE) == {}
    assert report.missing["a"].startswith("could not be started: No such file")
    assert report.missing["b"] == "no interpreter with torch: no-such-python was named, but cannot import it"


def test_a_peer_that_cannot_run_here_says_so(tmp_path: Path) -> None:
    program = tmp_path / "unable.py"
    program.write_text(
        f"import sys\nsys.path.insert(0, {str(PROGRAMS)!r})\nfrom peer_protocol import UnableError, serve\n"
        "def prepare(settings):\n    raise UnableError('no such processor')\nserve(prepare)\n",
        encoding="utf-8",
    )
    unable = Peer("unable", str(program), {})
    with pytest.raises(PeerUnableError, match="cannot run here: no such processor"), unable:
        pass


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


@pytest.mark.parametrize(
    ("protocol", "work"),
    [
        ("peer_protocol", "serve(lambda settings: ({}, lambda steps: work()))"),
        ("quality_protocol", "compete(lambda task, say: work())"),
    ],
)
def test_a_program_and_what_it_started_end_with_their_harness(tmp_path: Path, protocol: str, work: str) -> None:
    """However the harness ends: SIGKILL leaves it no time to end any program."""
    started = tmp_path / "started"
    program = (
        f"import subprocess, sys\nfrom pathlib import Path\nsys.path.insert(0, {str(PROGRAMS)!r})\n"
        f"from {protocol} import *\n"
        "def work():\n"
        "    with subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']) as child:\n"
        f"        Path({str(started)!r}).write_text(str(child.pid))\n"
        f"        child.wait()\nfrom {protocol} import *\n{work}"
    )
    task = json.dumps({"ids": "", "vocabulary_size": 9, "end_id": 0, "minutes": 1})
    command = [sys.executable, "-c", program, task]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        wait_until(lambda: started.exists() and started.read_text() != "", patience=PATIENCE)
        assert process.stdin is not None
        process.stdin.close()  # as when the harness is killed
        process.wait(PATIENCE)
    child = Path(f"/proc/{started.read_text()}/status")
    wait_until(lambda: not child.exists() or "State:\tZ" in child.read_text(), patience=PATIENCE)
