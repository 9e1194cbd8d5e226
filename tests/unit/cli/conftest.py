import json
from pathlib import Path

import pytest

from nextword.cli.main import main
from support.commands import Bundle, Captured, Command, Json, nextword

SENTENCES = ("the cat sat on the mat .", "the dog ate the bone .", "a bird sang in the tree .", "it was a good day .")


@pytest.fixture
def printed(capsys: Captured) -> Command:
    """Runs a command that succeeds and returns its standard output."""

    def run(*arguments: str | Path) -> str:
        capsys.readouterr()
        assert nextword(*arguments) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.fixture
def json_of(printed: Command) -> Json:
    """Runs a command with `--json` and returns the value that it prints."""
    return lambda *arguments: json.loads(printed(*arguments, "--json"))


@pytest.fixture
def mistake(capsys: Captured) -> Command:
    """Runs a command that ends with exit code 2 and returns its standard error."""

    def run(*arguments: str | Path) -> str:
        capsys.readouterr()
        assert nextword(*arguments) == 2
        return capsys.readouterr().err

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


@pytest.fixture
def model(small_bundle: Bundle) -> Path:
    """The bundle of a small model of pretokenized text."""
    return small_bundle()
