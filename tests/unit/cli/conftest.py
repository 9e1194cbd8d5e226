from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.cli.main import main

Run = Callable[..., int]

SENTENCES = ("the cat sat on the mat .", "the dog ate the bone .", "a bird sang in the tree .", "it was a good day .")


@pytest.fixture
def nextword(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process and returns its exit code."""

    def run(*arguments: str | Path) -> int:
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Run each test in an empty folder: a command reads the folder that it starts in, such as its runs."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="session")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text that a tiny model can learn."""
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text("\n".join(SENTENCES[index % 4] for index in range(600)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained_run(small_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run."""
    run = tmp_path_factory.mktemp("runs") / "story"
    arguments = f"train {small_text} --preset quick --run {run} --epochs 6 --batch-size 8 --num-steps 10 --start random"
    settings = "--hidden-sizes 24,16 --embedding-size 16 --learning-rate 0.02 --compute-dtype float32 --minimum-count 1"
    main([*arguments.split(), *settings.split()])
    return run
