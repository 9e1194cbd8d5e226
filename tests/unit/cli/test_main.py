import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from nextword import __version__
from nextword.cli.main import nextword as every_command
from nextword.cli.output.messages import error_text
from support.commands import Captured, Command, nextword


@pytest.mark.parametrize("words", [("--version",), ("version",), ("-V",)])
def test_the_version_has_several_names(words: tuple[str], printed: Command) -> None:
    assert printed(*words) == f"nextword {__version__}\n"


@pytest.mark.parametrize(("words", "same"), [(("help",), ("--help",)), (("help", "runs"), ("runs", "--help"))])
def test_help_is_a_command_too(
    words: tuple[str, ...], same: tuple[str, ...], printed: Command, mistake: Command
) -> None:
    expected = printed(*same)
    assert printed(*words) == expected
    assert mistake("help", "rusn") == "error: `rusn` is not a command\nhint: did you mean `runs`?\n"


def test_the_help_groups_the_commands(printed: Command) -> None:
    sections = printed("help").split("\n\n")[3:-1]
    assert [section.split(":")[0] for section in sections] == ["Train", "Use", "Measure", "Serve", "Tools"]
    names = [line.split()[0] for section in sections for line in section.splitlines()[1:]]
    assert names == every_command.list_commands(click.Context(every_command))


def test_numpy_has_one_thread_unless_a_command_trains_or_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OPENBLAS_NUM_THREADS"
    for value, command, expected in [(None, "presets", None), (None, "info", "1"), ("3", "info", "3")]:
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value)
        nextword(command, "--help")
        assert os.environ.get(name) == expected


def test_without_a_command_the_help_is_shown(capsys: Captured) -> None:
    assert nextword() == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("Train a language model on your own text")
    assert "error:" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "`trian` is not a command\nhint: did you mean `train`?"),
        (["train", "austen", "--dropot", "0.3"], "No such option '--dropot'. Did you mean '--dropout'?"),
        # A switch takes no value.
        (
            ["train", "austen", "--locked-dropot", "0.3"],
            "No such option '--locked-dropot'. Did you mean '--dropout'?\n",
        ),
        (["train", "austen", "--locked-dropot=x"], "No such option '--locked-dropot'. Did you mean '--dropout'?\n"),
        (["train", "austen", "--locked-dropot"], "(Did you mean one of: '--dropout', '--locked-dropout'"),
        (["train", "austen", "--dropout", "1"], "`dropout` must be below 1.0, but is 1.0"),
        (["train", "austen", "--preset", "quik"], "`quik` is not a preset\nhint: did you mean `quick`?"),
        (["train", "austen", "--num-steps", "0"], "`num_steps` must be at least 1, but is 0"),
        (
            ["train", "austen", "--loss", "meen"],
            "must be one of mean, sum_over_time, but is 'meen'\nhint: did you mean",
        ),
        (
            ["suggest", "austen", "--quite"],
            "No such option '--quite'. Did you mean '--quiet'?\nhint: see `nextword sugg",
        ),
        (["zzz"], "`zzz` is not a command\nhint: see `nextword --help`"),
        (["ngram", "austen", "--order", "17"], "'--order': must be from 1 to 16, but is 17"),
        (["compare", "austen", "--skip", "-1"], "'--skip': must be at least 0, but is -1"),
        (["train", "austn"], "did you mean `austen`?"),
        (["train", "--resume", "no-such-run"], "but has no config.toml"),
        (["train", "--resume", "no-such-run", "--seed", "3"], "`--resume` must stand alone, but `seed` was given too"),
        (["evaluate", "no-such-model"], "there is no such directory"),
        (["suggest", "."], "but contains neither\nhint: see `nextword suggest --help`"),
        (["score", 300 * "x"], "but cannot be read: File name too long"),
    ],
)
def test_a_mistake_is_an_error_and_a_hint_and_exit_code_two(
    arguments: list[str], message: str, capsys: Captured
) -> None:
    assert nextword(*arguments) == 2
    captured = capsys.readouterr()
    first, *hints = captured.err.splitlines()
    assert first.startswith("error: ")
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert hints
    assert all(hint.startswith("hint: ") for hint in hints)
    assert "docs/" not in captured.err
    assert captured.out == ""


def test_output_is_utf_8_whatever_the_system_prefers() -> None:
    command = [sys.executable, "-m", "nextword", "score", "austen", "--tokens"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, input="Zażółć\n".encode(), capture_output=True, env=environment, check=False)
    assert (done.returncode, "Zażółć" in done.stdout.decode("utf-8")) == (0, True), done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which this system has not")
def test_a_full_disk_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "nextword", "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: the output cannot be written: No space left on device\nhint: make room, or name another file\n"
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("nothing works", ["error: nothing works"]),
        ("`a` must be b, but is c; d", ["error: `a` must be b, but is c", "hint: d"]),
        ("a is wrong; do b; or do c", ["error: a is wrong", "hint: do b", "hint: do c"]),
        ("`x; y` is wrong; name `p; q`", ["error: `x; y` is wrong", "hint: name `p; q`"]),
        ("'x; y' and \"it's; \" are wrong; b", ["error: 'x; y' and \"it's; \" are wrong", "hint: b"]),
        (r"'it\'s \"; x' is wrong; b", [r"error: 'it\'s \"; x' is wrong", "hint: b"]),
        ("it isn't a file of the users' own; b", ["error: it isn't a file of the users' own", "hint: b"]),
        ("it failed (no space; code 3); b (c; d)", ["error: it failed (no space; code 3)", "hint: b (c; d)"]),
        ("`a` lacks; the `b; c", ["error: `a` lacks", "hint: the `b", "hint: c"]),  # an odd number of backticks
        ("a;b is wrong", ["error: a;b is wrong"]),
        ("a has\ntwo lines; b", ["error: a has", "two lines", "hint: b"]),
    ],
)
def test_what_is_wrong_and_each_repair_have_a_line(message: str, expected: list[str]) -> None:
    plain = error_text(message).replace("\x1b[31m\x1b[1m", "").replace("\x1b[36m\x1b[1m", "").replace("\x1b[0m", "")
    assert plain.splitlines() == expected


def test_no_line_is_broken() -> None:
    assert len(error_text(f"{'long ' * 200}; {'word ' * 200}").splitlines()) == 2
