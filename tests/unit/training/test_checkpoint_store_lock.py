import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextword.bundle.run_directory import run_lock
from nextword.errors import CheckpointError, StorageError
from support.processes import ended

HOLDER = """
import sys, time
from pathlib import Path
from nextword.bundle.run_directory import run_lock
with run_lock(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "run"], stdout=subprocess.PIPE)
    with ended(process):
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield process


def test_the_error_names_the_process_that_holds_the_lock(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    with (
        pytest.raises(CheckpointError, match=rf"run` is in use by process {holder.pid}; wait"),
        run_lock(tmp_path / "run"),
    ):
        pass


def test_the_lock_is_released_when_its_process_dies(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    with run_lock(tmp_path / "run"):
        assert int((tmp_path / "run" / ".lock-owner").read_text(encoding="utf-8")) == os.getpid()


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with run_lock(tmp_path / "new" / "run"):
            pass


@pytest.mark.parametrize("content", [b"", b"\xff", b"not a number", None])
def test_an_unreadable_owner_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr("nextword.bundle.run_directory._PATIENCE", 0)
    with run_lock(tmp_path):
        (tmp_path / ".lock-owner").unlink()
        if content is not None:
            (tmp_path / ".lock-owner").write_bytes(content)
        with pytest.raises(CheckpointError, match="in use by another process"), run_lock(tmp_path):
            pass


def test_a_lock_that_cannot_be_taken_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="could not be locked"), run_lock(tmp_path / "file" / "run"):
        pass
