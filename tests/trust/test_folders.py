"""A clock that jumps, and a folder that cannot be written."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextword.errors import StorageError
from nextword.training.checkpoint_store import CheckpointStore
from support.checkpoint_stores import best_of, filled_store, newest_of, save
from support.command_line import CommandLine

YEAR = 365 * 24 * 3600.0


@pytest.fixture
def unchangeable(tmp_path: Path) -> Iterator[Path]:
    """A folder in which even root may create nothing."""
    folder = tmp_path / "fixed"
    filled_store(folder / "checkpoints")
    change = shutil.which("chattr")
    if change is None or subprocess.run([change, "-R", "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("needs chattr, root, and a file system that takes the attribute +i")
    yield folder
    subprocess.run([change, "-R", "-i", str(folder)], check=True)


@pytest.mark.parametrize("years", [-1, 1, -30])
def test_checkpoints_are_ordered_by_their_steps_whatever_the_clock_says(
    years: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    filled_store(tmp_path)
    monkeypatch.setattr(time, "time", lambda: now + years * YEAR)
    save(CheckpointStore(tmp_path), 4, best=True)
    assert (newest_of(CheckpointStore(tmp_path)).step, best_of(CheckpointStore(tmp_path)).step) == (4, 4)


def test_a_store_that_cannot_be_written_is_named_and_can_be_read(unchangeable: Path) -> None:
    store = CheckpointStore(unchangeable / "checkpoints")
    with pytest.raises(StorageError, match="checkpoints"):
        save(store, 4)
    assert newest_of(store).step == 3


def test_a_run_in_a_folder_that_cannot_be_written_is_refused_before_training(
    unchangeable: Path, tmp_path: Path
) -> None:
    text = tmp_path / "story.txt"
    text.write_text("a man in want of a wife\n" * 200, encoding="utf-8")
    code, errors = CommandLine(tmp_path, text).call("train", text, "--run", unchangeable / "run")
    assert code == 2
    assert "run" in errors
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 2, "an error and a hint"
