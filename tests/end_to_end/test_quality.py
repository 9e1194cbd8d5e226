"""`benchmarks/quality.py` as a command, at a size that takes seconds. Perplexity is not checked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "quality.py"
RECIPE = {"embedding_size": 8, "hidden_sizes": [8, 8], "batch_size": 4, "num_steps": 5, "epochs": 1}
PATIENCE = 240


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, lines in (("train", 30), ("valid", 4), ("test", 3)):
        text = " the cat sat on the mat and slept \n" * lines
        (tmp_path / f"ptb.{split}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def quality(*arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_a_comparison_writes_a_table_and_a_file_and_repeats_nothing(folder: Path) -> None:
    path = folder / "quality.json"
    arguments = (folder, "--minutes", "5", "--peers", "tutorial", "--recipe", json.dumps(RECIPE), "--json", path)
    code, table, errors = quality(*arguments)
    assert code == 0, errors
    assert "| tutorial |" in table
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["test_perplexity"].keys() == {"tutorial"}
    assert written["command"].startswith("python benchmarks/quality.py")
    code, again, said = quality(*arguments)
    assert code == 0
    assert "tutorial: done already" in said
    assert again == table


MISTAKES = {
    "peer": (["--peers", "transformr"], "transformr"),
    "recipe": (["--recipe", "width=3"], "`--recipe` must be JSON"),
    "list": (["--recipe", "[3]"], "`--recipe` must be an object"),
    "place": (["--json", "nowhere/quality.json"], "must be in a folder that exists"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_reported_before_the_first_run(folder: Path, mistake: str) -> None:
    arguments, told = MISTAKES[mistake]
    code, _table, errors = quality(folder, *arguments)
    assert code == 2
    assert told in errors
    assert "Traceback" not in errors
