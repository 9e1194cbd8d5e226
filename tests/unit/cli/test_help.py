"""Every help opens with examples that run, and fits two screens."""

import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nextword.cli.main import main
from nextword.cli.main import nextword as every_command
from nextword.cli.options.command import Command
from support.commands import Captured, nextword

MAX_LINES = 48
"""Two screens of 24 lines."""

MAX_COLUMNS = 80
NOT_RUN = ("train", "doctor", "serve")
"""Commands whose examples take minutes, or have no end; they are only parsed."""

IN_THE_SMALL_TEXT = {"happy": "cat", "I am very much oblig": "the cat s", "12": "0.01"}
"""What the small model does not know of an example, and what it knows."""


def commands() -> list[str]:
    return every_command.list_commands(click.Context(every_command))


def command_of(name: str) -> Command:
    command = every_command.get_command(click.Context(every_command), name)
    assert isinstance(command, Command)
    return command


def help_of(name: str, *flags: str) -> str:
    result = CliRunner().invoke(every_command, [name, *(flags or ["--help"])], terminal_width=80)
    assert result.exit_code == 0, result.output
    return result.output


EXAMPLES = [(name, example) for name in commands() for example in command_of(name).examples]


@pytest.mark.parametrize("name", commands())
def test_a_help_is_a_summary_examples_usage_and_options(name: str) -> None:
    summary, examples, usage, *_ = help_of(name).split("\n\n")
    assert summary.endswith(".")
    assert "\n" not in summary
    first, *lines = examples.splitlines()
    assert first == "Examples:"
    assert 2 <= len(lines) <= 3
    assert all(line.startswith("  ") and len(line) <= MAX_COLUMNS and f"nextword {name}" in line for line in lines)
    assert usage.startswith(f"Usage: nextword {name}")
    assert summary in help_of_all()


def help_of_all() -> str:
    return CliRunner().invoke(every_command, ["--help"], terminal_width=120).output


@pytest.mark.parametrize("name", commands())
def test_a_help_fits_two_screens(name: str) -> None:
    lines = help_of(name).splitlines()
    assert len(lines) <= MAX_LINES
    assert max(map(len, lines)) <= MAX_COLUMNS


@pytest.mark.parametrize("name", [name for name in commands() if command_of(name).short is None])
def test_a_help_that_is_whole_is_also_shown_by_help_all(name: str) -> None:
    assert help_of(name, "--help-all") == help_of(name)
    assert "--help-all" not in help_of(name)


def test_the_help_of_the_program_is_also_shown_by_help_all() -> None:
    assert CliRunner().invoke(every_command, ["--help-all"], terminal_width=120).output == help_of_all()


@pytest.mark.parametrize("name", commands())
def test_a_help_names_no_page_that_only_the_repository_has(name: str) -> None:
    assert "docs/" not in help_of(name, "--help-all")


def test_the_whole_help_of_serve_lists_the_variables_of_its_bounds() -> None:
    assert "NEXTWORD_SERVE_MAX_TOKENS" in help_of("serve", "--help-all")
    assert "1,048,576" in help_of("serve", "--help-all")


@pytest.mark.parametrize("name", [name for name in commands() if command_of(name).short is not None])
def test_the_whole_help_holds_the_short_one(name: str) -> None:
    short, whole = help_of(name), help_of(name, "--help-all")
    assert "--help-all" in short
    flags = {word for word in short.split() if word.startswith("--") and word != "--help-all"}
    assert flags <= set(whole.split())
    assert len(whole.splitlines()) > len(short.splitlines())


def test_the_defaults_are_those_of_the_preset() -> None:
    automatic, tutorial = help_of("train"), help_of("train", "--preset", "tutorial", "--help")
    assert "(default: fits the\n" in automatic or "(default: fits the time)" in automatic
    assert "default: as many as fit --minutes" in " ".join(automatic.split())
    assert "(default: 500,500)" in " ".join(tutorial.split())
    assert "fits the time" not in tutorial


def words_of(example: str) -> tuple[list[str], str | None, str | None]:
    """The arguments of an example, the text that is piped into it, and the file that it reads."""
    piped, source = None, None
    if " | " in example:
        before, example = example.split(" | ")
        piped = " ".join(shlex.split(before)[1:]) + "\n"
    if " < " in example:
        example, source = example.split(" < ")
    return shlex.split(example.split(" > ")[0])[1:], piped, source


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_an_example_is_understood(name: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command, *arguments = words_of(example)[0]
    assert command == name
    assert command_of(name).make_context(name, arguments).command.name == name


USES_A_MODEL = [name for name in commands() if "RUN_OR_MODEL" in help_of(name) and name != "export"]
"""Commands that work on a model, except for those that need more than the sample model."""


@pytest.mark.parametrize("name", USES_A_MODEL)
def test_the_first_example_runs_on_a_fresh_install(name: str) -> None:
    arguments, _, source = words_of(command_of(name).examples[0])
    assert "austen" in arguments
    assert source is None
    assert not any(word.endswith(".txt") for word in arguments)


def test_the_first_examples_of_the_program_run_on_a_fresh_install() -> None:
    first, second, third = help_of_all().split("\n\n")[1].splitlines()[1:]
    assert "nextword suggest austen" in first
    assert "nextword generate austen" in second
    assert "nextword train" in third


@pytest.fixture(scope="module")
def example_folder(trained_run: Path, small_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("demo", "first", "second"):
        shutil.copytree(trained_run, folder / "runs" / name)
    shutil.copytree(folder / "runs", folder / "experiments")
    shutil.copytree(trained_run / "model", folder / "austen-model")
    shutil.copy(small_text, folder / "my-text.txt")
    (folder / "lines.txt").write_text("the cat sat on the mat .\nit was a good day .\n", encoding="utf-8")
    shutil.copy(folder / "lines.txt", folder / "stories.txt")
    (folder / "words.txt").write_text("cat\ndog\n", encoding="utf-8")
    main(["export", str(folder / "runs" / "demo"), "--quiet"])
    return folder


ON_PAGES = ("nextword evaluate austen", "nextword mix austen austen -o austen-mixed")
"""Examples that take long, and whose output `examples/test_outputs.py` compares."""

RUN = [(name, example) for name, example in EXAMPLES if name not in NOT_RUN and example not in ON_PAGES]


@pytest.mark.parametrize(("name", "example"), RUN, ids=[example for _, example in RUN])
def test_an_example_runs(
    name: str, example: str, example_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(example_folder)
    arguments, piped, source = words_of(example)
    given = piped or (Path(source).read_text(encoding="utf-8") if source else "the cat \n")
    path = example_folder / "input.txt"
    path.write_text(given, encoding="utf-8")
    with path.open(encoding="utf-8") as standard_input:
        monkeypatch.setattr("sys.stdin", standard_input)
        known = {} if "austen" in arguments else IN_THE_SMALL_TEXT
        code = nextword(*(known.get(word, word) for word in arguments))
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert captured.out or {"-o", "--output"} & {*arguments}
