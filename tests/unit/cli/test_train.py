import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]

SMALL = (
    *("--preset", "quick", "--hidden-sizes", "8", "--embedding-size", "8", "--batch-size", "8", "--num-steps", "10"),
    *("--compute-dtype", "float32", "--epochs", "1"),
)


def test_a_dry_run_writes_nothing_and_says_what_would_happen(
    small_text: Path, nextword: Run, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert nextword("train", small_text, *SMALL, "--dry-run", "--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert (table["run"], table["text"], table["model"]) == ("runs/story-quick", "story.txt", "LSTM 8")
    assert table["epochs"] >= 1
    assert table["seconds"] > 0
    assert table["memory_bytes"] > 8e8
    assert list(tmp_path.iterdir()) == []
    assert nextword("train", small_text, *SMALL, "--dry-run", "--run", "mine") == 0
    captured = capsys.readouterr()
    assert f"{table['num_parameters']:,} parameters" in captured.out
    assert "mine, not created: this was a dry run" in captured.out
    assert captured.err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_goes_with_a_new_run_only(
    trained_run: Path, nextword: Run, capsys: Captured, small_text: Path
) -> None:
    assert nextword("train", "--resume", trained_run, "--dry-run") == 2
    assert "`--resume` must stand alone, but `dry-run` was given too" in capsys.readouterr().err
    assert nextword("train", small_text, "--run", trained_run, "--dry-run") == 2
    assert "must not hold a training run yet" in capsys.readouterr().err


def test_a_run_is_logged_for_tensorboard_and_resumed_runs_take_the_flag_too(
    small_text: Path, nextword: Run, capsys: Captured, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")
    logs, run = tmp_path / "logs", tmp_path / "mine"
    assert nextword("train", small_text, *SMALL, "--run", run, "--live", "--tensorboard", logs) == 0
    assert "round   1/1" in capsys.readouterr().out  # plain lines, since this is no terminal
    events = [path.read_bytes() for path in (logs / "mine").iterdir()]
    assert any(b"valid/perplexity" in each for each in events)
    assert nextword("train", "--resume", run, "--live", "--tensorboard", tmp_path / "others") == 0
    again = [path.read_bytes() for path in (tmp_path / "others" / "mine").iterdir()]
    assert any(b"valid/perplexity" in each for each in again)


@pytest.mark.parametrize(("flag", "package"), [("--tensorboard", "tensorboardX"), ("--mlflow", "mlflow")])
def test_a_logger_whose_package_is_missing_is_refused_before_training(
    flag: str,
    package: str,
    small_text: Path,
    nextword: Run,
    capsys: Captured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    run = tmp_path / "mine"
    assert nextword("train", small_text, *SMALL, "--run", run, flag, tmp_path / "logs") == 2
    assert f"install the extra `{flag[2:]}`" in capsys.readouterr().err
    assert not run.exists()


def test_json_is_all_that_goes_to_standard_output(
    small_text: Path, nextword: Run, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_RUNS", str(tmp_path / "experiments"))
    assert nextword("train", small_text, *SMALL, "--json") == 0
    captured = capsys.readouterr()
    run, table = tmp_path / "experiments" / "story-quick", json.loads(captured.out)
    assert table == {"run": str(run), **json.loads((run / "metrics.json").read_text(encoding="utf-8"))}
    assert "round   1/1" in captured.err
    assert nextword("train", "--finish", run, "--quiet") == 0
    captured = capsys.readouterr()
    assert "test" in captured.out
    assert "evaluating" not in captured.out
    assert captured.err == ""
