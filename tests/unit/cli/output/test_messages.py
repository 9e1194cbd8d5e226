import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.cli.output.console import Console

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]

LATER = ("ngram", "dynamic", "mc_dropout")

ESCAPE = "\x1b"

COMPLETED = """
import os, sys
from nextword.cli.main import main
try:
    main([])
except SystemExit:
    pass
print("imported", *sorted({"keras", "jax", "onnxruntime", "optuna"} & sys.modules.keys()))
"""


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("the cat sat on the mat .\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("way", ["variable", "--no-color"])
def test_colors_can_be_turned_off(way: str, nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert nextword("presets") == 0
    assert ESCAPE in capsys.readouterr().out
    if way == "variable":
        monkeypatch.setenv("NO_COLOR", "1")
    assert nextword("presets", *([way] if way != "variable" else [])) == 0
    captured = capsys.readouterr()
    assert ESCAPE not in captured.out + captured.err


def test_quiet_leaves_out_messages(
    small_bundle: Callable[..., Path], lines: Path, nextword: Run, capsys: Captured
) -> None:
    model = small_bundle()
    assert nextword("score", model, lines) == 0
    loud = capsys.readouterr()
    assert "perplexity" in loud.err
    for arguments in (("score", model, lines, "-q"), ("--quiet", "score", model, lines)):
        assert nextword(*arguments) == 0
        quiet = capsys.readouterr()
        assert (quiet.out, quiet.err) == (loud.out, "")
    assert nextword("score", "nowhere", lines, "-q") == 2
    assert capsys.readouterr().err.startswith("error: `nowhere`")


def test_verbose_adds_details_and_tracebacks(
    small_bundle: Callable[..., Path], lines: Path, nextword: Run, capsys: Captured
) -> None:
    model = small_bundle()
    assert nextword("score", model, lines, "-v") == 0
    assert f"nextword: opened {model} with " in capsys.readouterr().err
    assert nextword("score", "nowhere", lines, "-v") == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert "\nerror: `nowhere` must be" in told


def test_an_error_without_a_repair_names_the_help(nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    assert nextword("evaluate", tmp_path, "-q") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert second == "hint: see `nextword evaluate --help`"


def test_an_error_is_colored_unless_colors_are_off(
    nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda _stream, color: color is False)  # as in a terminal
    assert nextword("nowhere") == 2
    assert ESCAPE in capsys.readouterr().err
    assert nextword("--no-color", "nowhere") == 2
    assert ESCAPE not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["suggest"], "RUN_OR_MODEL must be given: the directory of a run or a model, or the sample model austen"),
        (["rank", "model"], "TEXT must be given: a line of text in quotes"),
        (["launch"], "COMMAND must be given: a command of nextword, such as train, with its arguments"),
        (["plan"], "TEXT_SIZE must be given: a number of words, such as 250M, or of bytes, such as 40GB"),
        (["draw"], "one of network, cell, architecture, windows must be given"),
        (["tune", "text"], "`--study` must be given: Study directory"),
        (
            ["generate", "model", "--max-token", "3"],
            "`--max-token` is not an option of `nextword generate`",
        ),
    ],
)
def test_what_is_missing_is_explained(arguments: list[str], message: str, nextword: Run, capsys: Captured) -> None:
    assert nextword(*arguments) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert message in first
    assert second in ("hint: did you mean `--max-tokens`?", f"hint: see `nextword {arguments[0]} --help`")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nextword tr", ["train"]),
        ("nextword s", ["suggest", "score", "surprise", "serve"]),
        ("nextword train --prese", ["--preset"]),
        ("nextword train aus", ["austen"]),
        ("nextword train austen --preset qu", ["quick"]),
        ("nextword presets mog", ["mogrifier"]),
        ("nextword generate runs/demo --decoding gr", ["greedy"]),
        ("nextword suggest runs/de", ["runs/de"]),
        ("nextword suggest aus", ["aus", "austen"]),
        ("nextword suggest ", ["", "austen"]),
        ("nextword evaluate ", ["", "austen"]),
        ("nextword evaluate runs/demo --method te", ["temperature"]),
        ("nextword evaluate runs/demo --method cache,", ["cache,temperature", *(f"cache,{name}" for name in LATER)]),
        ("nextword evaluate runs/demo --method s", ["static"]),
        ("nextword unknown --x", []),
    ],
)
def test_the_shell_completes(typed: str, expected: list[str]) -> None:
    environment = {
        **os.environ,
        "_NEXTWORD_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPLETED], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    *found, imported = done.stdout.splitlines()
    assert [line.split(",", 1)[1] for line in found if line.startswith(("plain", "dir"))] == expected
    assert imported == "imported"
    assert done.stderr == ""


def test_compare_and_vectors_print_json(trained_run: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    assert nextword("compare", trained_run, "--split", "train", "--max-tokens", "3", "--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert [row["position"] for row in table["words"]] == [0, 1, 2]
    assert all(row["rank"] >= 1 and row["surprisal_bits"] >= 0 and len(row["top"]) == 5 for row in table["words"])
    output = tmp_path / "words.npz"
    assert nextword("vectors", trained_run, "--vocabulary", "-o", output, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"output": str(output), "shape": [20, 16]}


def test_lines_are_scored_into_a_file(
    small_bundle: Callable[..., Path], lines: Path, nextword: Run, capsys: Captured, tmp_path: Path
) -> None:
    model, output = small_bundle(), tmp_path / "scores.tsv"
    assert nextword("score", model, lines) == 0
    printed = capsys.readouterr().out
    assert nextword("score", model, lines, "-o", output) == 0
    assert capsys.readouterr().out == ""
    assert output.read_text(encoding="utf-8") == printed


def test_names_with_colons_stay_as_they_are(capsys: Captured) -> None:
    Console().print("runs/:car:/x", markup=False)
    assert capsys.readouterr().out == "runs/:car:/x\n"


def test_a_message_that_nobody_reads_changes_no_exit_code() -> None:
    module = "nextword.cli.output.messages"
    program = f"import sys; from {module} import say; sys.stdin.read(); say('late'); say('later'); sys.exit(143)"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 143
