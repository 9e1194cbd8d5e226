import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import Captured, Command, Json, nextword

SMALL = (
    *("--preset", "quick", "--hidden-sizes", "8", "--embedding-size", "8", "--batch-size", "8", "--num-steps", "10"),
    *("--compute-dtype", "float32", "--epochs", "1"),
)


def test_a_dry_run_writes_nothing_and_says_what_would_happen(
    small_text: Path, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, json_of: Json
) -> None:
    monkeypatch.chdir(tmp_path)
    table = json_of("train", small_text, *SMALL, "--dry-run")
    assert (table["run"], table["text"], table["model"]) == ("runs/story-quick", "story.txt", "LSTM 8")
    assert table["epochs"] >= 1
    assert table["seconds"] > 0
    assert table["memory_bytes"] > 8e8
    assert list(tmp_path.iterdir()) == []
    assert nextword("train", small_text, *SMALL, "--dry-run", "--run", "mine") == 0
    captured = capsys.readouterr()
    assert f"{table['num_parameters']:,} parameters" in captured.out
    assert "mine, not created: this was a dry run" in captured.out
    assert captured.err == "14 KB is very little text: expect poor results; 100 KB or more is better\n"
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_from_a_base_has_its_words(small_text: Path, json_of: Json) -> None:
    table = json_of("train", small_text, "--preset", "quick", "--from", "austen", "--epochs", "0", "--dry-run")
    assert table["vocabulary_size"] > 9_000


def test_a_dry_run_goes_with_a_new_run_only(trained_run: Path, capsys: Captured, small_text: Path) -> None:
    assert nextword("train", "--resume", trained_run, "--dry-run") == 2
    assert "`--resume` must stand alone, but `dry-run` was given too" in capsys.readouterr().err
    assert nextword("train", small_text, "--run", trained_run, "--dry-run") == 2
    assert "holds a finished run\nhint: train in another directory, such as `--run" in capsys.readouterr().err


def test_a_run_is_logged_for_tensorboard_and_resumed_runs_take_the_flag_too(small_text: Path, tmp_path: Path) -> None:
    logs, run = tmp_path / "logs", tmp_path / "mine"
    assert nextword("train", small_text, *SMALL, "--run", run, "--tensorboard", logs) == 0
    events = [path.read_bytes() for path in (logs / "mine").iterdir()]
    assert any(b"valid/perplexity" in each for each in events)
    assert nextword("train", "--resume", run, "--tensorboard", logs) == 0


def test_a_logger_whose_package_is_missing_is_refused_before_training(
    small_text: Path, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    run = tmp_path / "mine"
    assert nextword("train", small_text, *SMALL, "--run", run, "--tensorboard", tmp_path / "logs") == 2
    assert "install the extra `all`" in capsys.readouterr().err
    assert not run.exists()


def test_json_is_all_that_goes_to_standard_output(
    small_text: Path, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_RUNS", str(tmp_path / "experiments"))
    assert nextword("train", small_text, *SMALL, "--json") == 0
    captured = capsys.readouterr()
    run, table = tmp_path / "experiments" / "story-quick", json.loads(captured.out)
    assert table == {"run": str(run), **json.loads((run / "metrics.json").read_text(encoding="utf-8"))}
    assert "    1    1.00  " in captured.err
    assert nextword("train", "--finish", run, "--quiet") == 0
    captured = capsys.readouterr()
    assert re.fullmatch(rf"{run}: perplexity: valid \d+\.\d\d, test \d+\.\d\d, test \d+\.\d\d as used\n", captured.out)
    assert captured.err == ""


def test_a_run_prints_its_plan_its_rounds_its_result_and_the_next_commands(
    small_text: Path, tmp_path: Path, printed: Command
) -> None:
    run = tmp_path / "mine"
    lines = printed("train", small_text, *SMALL, "--epochs", "2", "--run", run).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.split()[:2] == ["round", "epoch"])
    names = [line.split()[0] for line in lines[1:begin] if not line.startswith("memory")]  # shown if it is scarce
    assert begin < 8
    assert lines[0].endswith("100 KB or more is better")
    assert names == ["text", "vocabulary", "model", "plan", "run"]  # the time is not known before --epochs
    assert [line.split()[0] for line in lines[begin + 1 : begin + 3]] == ["1", "2"]
    assert all(len(line) < 80 for line in lines[:begin] if str(tmp_path) not in line)
    assert lines[-3:] == [
        "next",
        *(
            f"  nextword {rest}"
            for rest in (
                f'suggest {run} "the text so far" -k 5',
                f'generate {run} --prompt "Once upon a time" --max-tokens 50',
            )
        ),
    ]
    assert not any("tokenizer" in line or "longest line" in line for line in lines)


def test_verbose_adds_how_the_text_was_read(small_text: Path, tmp_path: Path, printed: Command) -> None:
    assert "the longest line has" in printed("train", small_text, *SMALL, "--run", tmp_path / "mine", "-v")


def test_a_finished_run_is_exported_and_a_resumed_one_shows_its_result_again(
    small_text: Path, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: Command, json_of: Json
) -> None:
    run = tmp_path / "mine"
    first = printed("train", small_text, *SMALL, "--run", run)
    assert {"model.onnx", "weights.safetensors"} <= {path.name for path in (run / "model").iterdir()}
    assert nextword("evaluate", run, "--json") == 0  # by the exported model
    static, used = json.loads(capsys.readouterr().out)["evaluations"]
    table = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    reported = next(row for row in table["splits"] if row["split"] == "test")
    assert static["perplexity"] == pytest.approx(reported["perplexity"], rel=1e-4)
    assert used["perplexity"] == pytest.approx(reported["perplexity_as_used"], rel=1e-4)
    assert nextword("evaluate", run, "--method", "dynamic", "--json") == 0  # needs Keras, and starts it
    assert "dynamic" in capsys.readouterr().out

    written = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    monkeypatch.setattr(
        "nextword.training.start.require_framework", lambda: pytest.fail("the framework must not be loaded")
    )
    again = printed("train", "--resume", run)
    assert again.startswith(f"{run} is finished already; nothing is trained\n")
    assert again.splitlines()[-10:] == first.splitlines()[-10:]
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == written
    assert json_of("train", "--resume", run) == {"run": str(run), **table}


def test_a_finished_run_whose_model_is_damaged_is_written_and_exported_again(small_text: Path, tmp_path: Path) -> None:
    run = tmp_path / "mine"
    assert nextword("train", small_text, *SMALL, "--run", run) == 0
    sums = (run / "model" / "MANIFEST.json").read_bytes()
    (run / "model" / "weights.safetensors").write_bytes(b"cut off")
    assert nextword("train", "--resume", run) == 0
    assert (run / "model" / "MANIFEST.json").read_bytes() == sums


MISTAKES = [
    (["no-such-text.txt"], "is not a sample, file or folder"),
    (["empty"], "`empty` has no text; put .txt or .md files into it"),
    (["short.txt"], "must be long enough to be split in three, but has 10 bytes; give at least 1,000 bytes"),
    (
        ["story.txt", "--run", "finished"],
        "holds a finished run; train in another directory, such as `--run finished-2`",
    ),
    (["story.txt", "--run", "short.txt/run"], "cannot write to `short.txt/run`: not a directory; use `--run DIR`"),
    (["story.txt", "--run", "short.txt/run", "--dry-run"], "cannot write to `short.txt/run`"),
    (["--resume", "empty"], "must be the directory of a training run"),
]


def test_mistakes_are_found_before_the_training_framework_is_loaded(tmp_path: Path, small_text: Path) -> None:
    for folder in ("empty", "finished/model"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "finished" / "config.toml").touch()
    (tmp_path / "short.txt").write_text("too short\n", encoding="utf-8")
    shutil.copyfile(small_text, tmp_path / "story.txt")
    program = (
        "import contextlib, json, sys\n"
        "from nextword.cli.main import main\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        main(['train', *arguments])\n"
        "assert not {'jax', 'keras'} & sys.modules.keys()\n"
    )
    mistakes = json.dumps([arguments for arguments, _ in MISTAKES])
    done = subprocess.run(
        [sys.executable, "-c", program, mistakes], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    errors = done.stderr.split("error: ")[1:]
    assert done.returncode == 0, done.stderr
    assert len(errors) == len(MISTAKES)
    for error, (_, message) in zip(errors, MISTAKES, strict=True):
        assert message.replace("; ", "\nhint: ") in error
