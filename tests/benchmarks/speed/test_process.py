"""What the training benchmark does not need of a process; all else is tested with the worker."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.speed.peer import PROGRAMS, PeerError
from harness.speed.process import Process
from support.waiting import wait_until

PATIENCE = 60


def test_a_program_may_tell_several_objects_unasked() -> None:
    program = (
        'import os\nfor number in range(3): print(\'{"number": %d, "mark": "%s"}\' % (number, os.environ[\'MARK\']))'
    )
    with Process([sys.executable, "-c", program], {"MARK": "x"}) as process:
        answers = [process.answer(PATIENCE) for _ in range(3)]
        assert answers == [{"number": number, "mark": "x"} for number in range(3)]
        with pytest.raises(PeerError, match="ended with exit code 0"):
            process.answer(PATIENCE)


def test_what_is_told_to_a_program_reaches_it() -> None:
    program = "import json, sys\nfor line in sys.stdin: print(json.dumps(json.loads(line) | {'heard': 1}), flush=True)"
    with Process([sys.executable, "-c", program], {}) as process:
        process.tell({"steps": 2})
        assert process.answer(PATIENCE) == {"steps": 2, "heard": 1}


def test_a_program_of_the_contest_that_fails_says_why() -> None:
    program = (
        f"import sys\nsys.path.insert(0, {str(PROGRAMS)!r})\nfrom quality_protocol import compete\n"
        "compete(lambda task, say: task.require_known('width'))"
    )
    task = {"ids": "", "vocabulary_size": 9, "end_id": 0, "minutes": 1, "recipe": {"widht": 384}}
    with Process([sys.executable, "-c", program, json.dumps(task)], {}) as process:
        with pytest.raises(
            PeerError, match="exit code 1: ValueError: `widht` is not a setting of this program"
        ) as error:
            process.answer(PATIENCE)
        assert "known: width" in str(error.value)


def test_what_a_program_of_the_contest_has_started_ends_with_its_harness(tmp_path: Path) -> None:
    started = tmp_path / "started"
    program = (
        f"import subprocess, sys\nfrom pathlib import Path\nsys.path.insert(0, {str(PROGRAMS)!r})\n"
        "from quality_protocol import compete\n"
        "def train(task, say):\n"
        "    with subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']) as child:\n"
        f"        Path({str(started)!r}).write_text(str(child.pid))\n"
        "        child.wait()\n"
        "compete(train)"
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
