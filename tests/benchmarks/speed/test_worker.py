import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.speed.peer import PROGRAMS, Peer, PeerError
from harness.speed.worker import Worker
from harness.speed.workload import Workload
from support.waiting import wait_until

MakePeer = Callable[..., Peer]
Journal = Callable[[], list[str]]
ProcessIds = Callable[[], list[int]]

PATIENCE = 60


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_peer_is_started_with_its_workload_and_answers(fake: MakePeer, tiny: Workload, journal: Journal) -> None:
    with Worker(fake("a", seconds="0.5,0.25"), timeout=PATIENCE) as worker:
        assert worker.description.parameters == 7
        assert json.loads(worker.description.versions["settings"]) == tiny.to_table()
        assert worker.run(3).seconds == {"step": [0.5, 0.5, 0.5]}
        second = worker.run(1)
    assert second.seconds == {"step": [0.25]}
    assert second.peak_memory_bytes == 2000
    assert journal() == ["a starts", "a runs 3", "a runs 1"]


def test_the_process_ends_with_the_context(fake: MakePeer, process_ids: ProcessIds) -> None:
    with Worker(fake("a"), timeout=PATIENCE):
        (process_id,) = process_ids()
        assert is_running(process_id)
    assert not is_running(process_id)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_process_ends_with_an_error_too(
    fake: MakePeer, process_ids: ProcessIds, error: type[BaseException]
) -> None:
    with pytest.raises(error), Worker(fake("a"), timeout=PATIENCE):
        raise error
    assert not is_running(*process_ids())


FAULTS = {
    "crash": "ended with exit code 1: RuntimeError: out of ideas",
    "killed": "was killed by SIGKILL",
    "nonsense": "which is not JSON",
    "a-list": "which is not a JSON object",
    "another-form": "in a form that is not understood",
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_peer_that_fails_at_the_start_says_why(
    fake: MakePeer, process_ids: ProcessIds, fault: str, reason: str
) -> None:
    with pytest.raises(PeerError, match=reason), Worker(fake("a", fault=f"{fault} at start"), timeout=PATIENCE):
        pass
    assert not is_running(*process_ids())


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_peer_that_fails_at_work_says_why_and_ends(
    fake: MakePeer, process_ids: ProcessIds, fault: str, reason: str
) -> None:
    with Worker(fake("a", fault=fault), timeout=PATIENCE) as worker:
        worker.run(1)
        with pytest.raises(PeerError, match=reason):
            worker.run(1)
        assert not is_running(*process_ids())


def test_a_peer_that_hangs_is_ended_in_time(fake: MakePeer, process_ids: ProcessIds) -> None:
    with Worker(fake("a", fault="hang"), timeout=5) as worker:
        worker.run(1)
        with pytest.raises(PeerError, match=r"gave no answer within 5 seconds.*longer `--timeout`"):
            worker.run(1)
        assert not is_running(*process_ids())


def test_a_peer_that_is_not_there_says_so(fake: MakePeer) -> None:
    nowhere = fake("a", interpreter=lambda: ("/no/such/python",))
    with pytest.raises(PeerError, match="could not be started: No such file"), Worker(nowhere, timeout=PATIENCE):
        pass


def test_a_peer_dies_with_its_harness_in_the_midst_of_its_work(tmp_path: Path) -> None:
    """However the harness dies: SIGKILL leaves it no time to end anybody."""
    program, started = tmp_path / "busy.py", tmp_path / "started"
    program.write_text(
        f"import os, sys, time\nfrom pathlib import Path\nsys.path.insert(0, {str(PROGRAMS)!r})\n"
        "from peer_protocol import serve\n"
        "def prepare(settings):\n"
        "    def run(steps):\n"
        f"        Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "        time.sleep(600)\n"
        "    return {}, run\n"
        "serve(prepare)\n",
        encoding="utf-8",
    )
    harness = tmp_path / "harness.py"
    harness.write_text(
        f"import sys\nsys.path.insert(0, {str(PROGRAMS.parent)!r})\n"
        "from pathlib import Path\nfrom harness.speed.interpreters import own_interpreter\n"
        "from harness.speed.peer import Peer\nfrom harness.speed.worker import Worker\n"
        "from harness.speed.workload import Workload\n"
        f"Worker(Peer('busy', Path({str(program)!r}), Workload.of(), own_interpreter), timeout=600).__enter__()\n",
        encoding="utf-8",
    )
    with subprocess.Popen([sys.executable, str(harness)]) as process:
        wait_until(lambda: started.exists() and started.read_text() != "")
        busy = int(started.read_text())
        assert is_running(busy)
        process.kill()
    wait_until(lambda: not is_running(busy))
