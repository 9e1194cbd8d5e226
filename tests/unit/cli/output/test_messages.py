import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.cli.output.console import Console
from support.commands import Captured, Command, nextword

ESCAPE = "\x1b"

COMPLETED = """
import contextlib, io, json, os, sys
from nextword.cli.main import main
for typed in json.loads(sys.argv[1]):
    os.environ |= {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    printed = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([])
    print(json.dumps(printed.buffer.getvalue().decode().splitlines()))
print("imported", *sorted({"keras", "jax", "onnxruntime", "optuna"} & sys.modules.keys()))
"""

COMPLETIONS = {
    "nextword tr": ["train"],
    "nextword s": ["suggest", "score", "serve"],
    "nextword train --prese": ["--preset"],
    "nextword train aus": ["austen"],
    "nextword train austen --preset qu": ["quick"],
    "nextword presets awd": ["awd-lstm", "awd-lstm-wt2"],
    "nextword generate runs/demo --decoding gr": ["greedy"],
    "nextword suggest runs/de": ["runs/de"],
    "nextword suggest aus": ["aus", "austen"],
    "nextword suggest ": ["", "austen"],
    "nextword evaluate ": ["", "austen"],
    "nextword evaluate runs/demo --method d": ["dynamic"],
    "nextword evaluate runs/demo --method s": ["static"],
    "nextword unknown --x": [],
}


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("the cat sat on the mat .\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("way", ["variable", "--no-color"])
def test_colors_can_be_turned_off(
    way: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, printed: Command
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE in printed("presets")
    if way == "variable":
        monkeypatch.setenv("NO_COLOR", "1")
    assert nextword("presets", *([way] if way != "variable" else [])) == 0
    captured = capsys.readouterr()
    assert ESCAPE not in captured.out + captured.err


def test_quiet_leaves_out_messages(model: Path, lines: Path, capsys: Captured, mistake: Command) -> None:
    assert nextword("score", model, lines) == 0
    loud = capsys.readouterr()
    assert "perplexity" in loud.err
    for arguments in (("score", model, lines, "-q"), ("--quiet", "score", model, lines)):
        assert nextword(*arguments) == 0
        quiet = capsys.readouterr()
        assert (quiet.out, quiet.err) == (loud.out, "")
    assert mistake("score", "nowhere", lines, "-q").startswith("error: `nowhere`")


def test_verbose_adds_details_and_tracebacks(model: Path, lines: Path, capsys: Captured, mistake: Command) -> None:
    assert nextword("score", model, lines, "-v") == 0
    assert f"nextword: opened {model} with " in capsys.readouterr().err
    told = mistake("score", "nowhere", lines, "-v")
    assert told.startswith("Traceback")
    assert "\nerror: `nowhere` must be" in told


def test_an_error_without_a_repair_names_the_help(tmp_path: Path, mistake: Command) -> None:
    first, second = mistake("evaluate", tmp_path, "-q").splitlines()
    assert first.startswith("error: ")
    assert second == "hint: see `nextword evaluate --help`"


def test_an_error_is_colored_unless_colors_are_off(monkeypatch: pytest.MonkeyPatch, mistake: Command) -> None:
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda _stream, color: color is False)  # as in a terminal
    assert ESCAPE in mistake("nowhere")
    assert ESCAPE not in mistake("--no-color", "nowhere")


def test_the_shell_completes() -> None:
    environment = {**os.environ, "_NEXTWORD_COMPLETE": "bash_complete"}
    command = [sys.executable, "-c", COMPLETED, json.dumps([*COMPLETIONS])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    *found, imported = done.stdout.splitlines()
    assert {
        typed: [line.split(",", 1)[1] for line in json.loads(lines) if line.startswith(("plain", "dir"))]
        for typed, lines in zip(COMPLETIONS, found, strict=True)
    } == COMPLETIONS
    assert imported == "imported"
    assert done.stderr == ""


def test_lines_are_scored_into_a_file(
    small_bundle: Callable[..., Path], lines: Path, tmp_path: Path, printed: Command
) -> None:
    model, output = small_bundle(), tmp_path / "scores.tsv"
    expected = printed("score", model, lines)
    assert printed("score", model, lines, "-o", output) == ""
    assert output.read_text(encoding="utf-8") == expected


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
