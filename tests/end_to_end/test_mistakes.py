"""A user's mistake gives an error, a hint and exit code 2, without a traceback, and no file is lost."""

import shutil
from pathlib import Path

import pytest

from nextword.bundle.run_directory import run_lock
from support.command_line import CommandLine


def assert_is_a_mistake(told: tuple[int, str], message: str) -> None:
    """A line for what is wrong, and one for each way to repair it."""
    exit_code, errors = told
    assert exit_code == 2, errors
    assert "Traceback" not in errors
    first, *hints = errors.splitlines()
    assert first.startswith("error: ")
    assert message in errors
    assert hints
    assert all(hint.startswith("hint: ") for hint in hints)


def contents(run: Path) -> dict[Path, bytes]:
    """All files but the lock, which checks of a run take briefly."""
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and not path.name.startswith(".lock")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{text}", "--config", "no-such.toml"], "no-such.toml cannot be read: No such file or directory"),
        (["empty.txt"], "`empty.txt` must hold text, but is empty"),
        (["--resume", "{run}", "--epochs", "3"], "`--resume` must stand alone, but `epochs` was given too"),
        (["{text}", "--run", "{run}"], "holds a finished run\nhint: train in another directory"),
    ],
)
def test_a_mistake_is_reported_and_changes_nothing(
    command_line: CommandLine, finished_run: Path, arguments: list[str], message: str
) -> None:
    (command_line.folder / "empty.txt").touch()
    before = contents(finished_run)
    places = {"text": command_line.text, "run": finished_run}
    told = command_line.call("train", *(argument.format_map(places) for argument in arguments))
    assert_is_a_mistake(told, message)
    assert contents(finished_run) == before
    assert not (command_line.folder / "runs").exists()


@pytest.fixture
def stopped_run(finished_run: Path, tmp_path: Path) -> Path:
    """A run that lacks its result."""
    run = tmp_path / "stopped"
    shutil.copytree(finished_run, run)
    (run / "metrics.json").unlink()
    return run


def test_a_run_has_one_writer_at_a_time(command_line: CommandLine, stopped_run: Path) -> None:
    with run_lock(stopped_run):
        before = contents(stopped_run)
        assert_is_a_mistake(command_line.call("train", "--resume", stopped_run), "is in use by process")
        assert contents(stopped_run) == before
