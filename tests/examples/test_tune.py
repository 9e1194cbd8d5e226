"""`examples/tune.py` as a program: three trials, and the same command to resume the study."""

import subprocess
import sys
from pathlib import Path

import optuna
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "tune.py"


def tune(folder: Path, trials: int) -> str:
    arguments = ["story.txt", "--epochs", "0.2", "--trials", str(trials), "--storage", "sqlite:///sweep.db"]
    command = [sys.executable, str(EXAMPLE), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_study_begins_with_the_preset_and_the_same_command_resumes_it(tmp_path: Path) -> None:
    lines = (f"a {word} cat saw the small dog and the {word} bird\n" for word in ("big", "red", "old", "shy") * 400)
    (tmp_path / "story.txt").write_text("".join(lines), encoding="utf-8")
    tune(tmp_path, 2)
    assert "best perplexity on valid" in tune(tmp_path, 3)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/sweep.db")
    trials = optuna.load_study(study_name="story.txt", storage=storage).trials
    storage.engine.dispose()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    assert trials[0].params == {"learning_rate": 0.006, "width": 160, "dropout": 0.1}
    assert len(trials[0].intermediate_values) == 4  # the text is too small for eight
    assert all(trial.value == min(trial.intermediate_values.values()) for trial in trials)
