import subprocess
from pathlib import Path

import pytest

import nextword
from harness.speed.provenance import Provenance, commit
from nextword.machine.processor import read_processor


def test_the_machine_and_what_affects_speed_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("XLA_FLAGS", "--xla_nothing")
    table = Provenance.now().to_table()
    assert table["processor"].startswith(read_processor().name)
    assert "cores" in table["processor"]
    assert table["environment"].items() >= {"MALLOC_ARENA_MAX": "1", "XLA_FLAGS": "--xla_nothing"}.items()
    assert "PATH" not in table["environment"]


def test_a_machine_at_work_is_busy() -> None:
    idle = Provenance("p", "s", None, "d", 0.1)
    assert [Provenance("p", "s", None, "d", load).busy for load in (None, 0.1, 2.0)] == [False, idle.busy, True]


def test_the_commit_is_that_of_our_own_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    code = tmp_path / "provenance.py"
    code.write_text("first", encoding="utf-8")
    monkeypatch.setattr(nextword, "__file__", str(code))
    assert commit() is None
    git("init")
    assert commit() is None  # inside another repository
    git("add", ".")
    git("commit", "-m", "one")
    clean = commit()
    assert clean is not None
    assert int(clean, 16)
    code.write_text("second", encoding="utf-8")
    assert commit() == f"{clean}-dirty"
