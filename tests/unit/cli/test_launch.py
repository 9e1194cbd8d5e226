import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nextword.cli import launch as launch_module
from nextword.training.cluster.group import ProcessGroup
from support.commands import Captured, nextword
from support.processes import ended
from support.waiting import wait_until


def test_all_processes_run_and_their_lines_are_told_apart(capfd: Captured) -> None:
    assert nextword("launch", "-n", "2", "presets") == 0
    captured = capfd.readouterr()
    assert "quick" in captured.out
    assert "[1] " in captured.err
    assert "quick" in captured.err


def test_the_exit_code_is_that_of_the_process_that_failed(capfd: Captured) -> None:
    assert nextword("launch", "-n", "2", "presets", "tiny") == 2
    assert "[1] error: `tiny` is not a preset" in capfd.readouterr().err


@pytest.mark.parametrize(("program", "code"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", 137)])
def test_the_exit_code_is_that_of_a_later_process_too(monkeypatch: pytest.MonkeyPatch, program: str, code: int) -> None:
    def start(_words: object, group: ProcessGroup) -> subprocess.Popen[bytes]:
        own = program if group.process_id else "sys.exit(0)"
        pipe = subprocess.PIPE if group.process_id else None
        return subprocess.Popen([sys.executable, "-c", f"import os, signal, sys; {own}"], stdout=pipe)

    monkeypatch.setattr(launch_module, "_start", start)
    assert nextword("launch", "-n", "2", "train") == code


def test_processes_without_a_strategy_are_refused(capfd: Captured, small_text: Path) -> None:
    assert nextword("launch", "-n", "2", "train", small_text) == 2
    assert "`strategy` must say how 2 processes train" in capfd.readouterr().err


def test_launch_does_not_launch_itself(capfd: Captured) -> None:
    assert nextword("launch", "launch", "train") == 2
    assert "must be another command than `launch`" in capfd.readouterr().err


def test_a_signal_stops_all_processes(small_text: Path, tmp_path: Path) -> None:
    run = tmp_path / "pair"
    sizes = ("--embedding-size", "8", "--hidden-sizes", "8", "--compute-dtype", "float32", "--round-steps", "10")
    length = ("--preset", "quick", *sizes, "--epochs", "1000")
    words = ("train", small_text, *length, "--strategy", "population", "--run", run)
    process = subprocess.Popen(
        [sys.executable, "-m", "nextword", "launch", "-n", "2", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NEXTWORD_CACHE": str(tmp_path)},
    )
    logs = [run / f"member-{number}" / "log.jsonl" for number in range(2)]
    with ended(process):
        try:
            wait_until(lambda: all(log.exists() for log in logs) or process.poll() is not None, patience=200)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=200)
        finally:
            process.terminate()  # it passes the signal on
            process.wait(timeout=60)
    assert process.returncode == 130, errors
    for member in ("member-0", "member-1"):
        assert re.search(
            rf"interrupted by SIGINT; .*resume with: nextword train --resume {re.escape(str(run / member))}\n", errors
        )
