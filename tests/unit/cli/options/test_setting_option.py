import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from nextword.cli.options.command import command as make_command
from nextword.cli.options.setting_option import CommandOptions, Tables, argument, option
from nextword.cli.train import train
from nextword.model.architecture import ModelOptions
from nextword.settings import Settings
from nextword.text.options import BatchOptions, TextOptions
from nextword.training.options import TrainingOptions
from nextword.training.plan import TimePlan
from support.commands import Captured, nextword

KINDS: tuple[type[Settings], ...] = (TextOptions, BatchOptions, ModelOptions, TrainingOptions)
FIELDS = [(kind, field) for kind in KINDS for field in dataclasses.fields(kind)]
GIVEN: dict[str, tuple[list[str], Any]] = {
    "hidden_sizes": (["650,650"], (650, 650)),
    "tied": ([], True),
    "state_modulation": ([], True),
    "locked_dropout": ([], True),
    "mixture": ([], True),
    "variable_num_steps": ([], True),
    "sampled_softmax": (["100"], 100),
    "maximum_vocabulary": (["100"], 100),
    "teacher": (["/runs/teacher"], "/runs/teacher"),
    "base": (["/runs/base"], "/runs/base"),
    "sender": (["Ada"], "Ada"),
}
"""Values that are given to a flag and what they come to; for all others, the default or 1."""

WRITTEN_BY_THE_RUN = {field.name for field in dataclasses.fields(TimePlan)} - {"round_steps"}
"""Settings that only a file gives; `round_steps` is one of [training] too."""


FLAGS = {field.name: field.metadata["flag"] for _, field in FIELDS if field.metadata["flag"]}
"""Flags that are not called like their field."""


def flag_of(name: str) -> str:
    return f"--{FLAGS.get(name, name).replace('_', '-')}"


def tables_of(*arguments: str) -> Tables:
    """What a command with all settings is given by these arguments."""
    found: list[Tables] = []

    @make_command(*KINDS, examples=[])
    def command(given: Tables) -> None:
        found.append(given)

    command.main(list(arguments), standalone_mode=False)
    return found[0]


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=[f"{kind.group}.{field.name}" for kind, field in FIELDS])
def test_every_setting_has_a_flag_whose_value_goes_into_its_table(
    kind: type[Settings], field: dataclasses.Field[Any]
) -> None:
    default = 1 if field.default in (None, dataclasses.MISSING) else field.default
    arguments, expected = GIVEN.get(field.name, ([str(default)], default))
    tables = tables_of(flag_of(field.name), *arguments)
    assert tables == {kind.group: {field.name: expected}}
    required = {"embedding_size": 650, "hidden_sizes": (650,)} if kind is ModelOptions else {}
    settings = kind.from_table({**required, **tables[kind.group]})
    assert getattr(settings, field.name) == expected


def test_the_command_that_trains_has_all_these_flags_and_describes_each() -> None:
    text = CliRunner().invoke(train, ["--help-all"], terminal_width=200, max_content_width=300).output
    for _, field in FIELDS:
        assert f"{flag_of(field.name)} " in text or f"--[no-]{flag_of(field.name)[2:]} " in text, field.name
        assert field.metadata["help"][:40].removesuffix(".") in text, field.name
    for task in ("Run length", "Text", "Model size", "Regularization", "Optimization", "Batching"):
        assert f"\n{task}:\n" in text
    assert "--vocabulary-size" not in text
    written = {"seconds", "passes_at_end", "planned_steps", "needed_seconds", "mixture_seconds", "token_seconds"}
    assert written == WRITTEN_BY_THE_RUN
    assert not any(flag_of(name) in text for name in WRITTEN_BY_THE_RUN)


def test_only_what_is_given_comes_into_the_tables() -> None:
    assert tables_of() == {}
    assert tables_of("--epochs", "2", "--seed", "0", "--batch-size", "8") == {
        "training": {"epochs": 2.0, "seed": 0},
        "batching": {"batch_size": 8},
    }


@pytest.mark.parametrize(("flag", "expected"), [("--tied", True), ("--no-tied", False)])
def test_a_switch_may_be_set_either_way(flag: str, expected: bool) -> None:
    assert tables_of(flag) == {"model": {"tied": expected}}


@pytest.mark.parametrize(("value", "expected"), [("650", (650,)), ("650,650", (650, 650)), ("8, 4,2", (8, 4, 2))])
def test_sizes_are_numbers_with_commas_between_them(value: str, expected: tuple[int, ...]) -> None:
    assert tables_of("--hidden-sizes", value) == {"model": {"hidden_sizes": expected}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden-sizes", "650;650"], "must be whole numbers separated by commas, such as 650,650"),
        (["--hidden-sizes", ""], "must be whole numbers"),
        (["--hidden-sizes", "6.5"], "must be whole numbers"),
        (["--batch-size", "many"], "must be an integer, but is 'many'"),
        (["--epochs", "many"], "must be a number, but is 'many'"),
        (["--schedule", "cosine"], "must be one of constant, linear, step, but is 'cosine'"),
        (["--bach-size", "3"], "--batch-size"),
        (["--batch-size"], "requires an argument"),
    ],
)
def test_a_value_that_cannot_be_read_is_a_mistake_of_usage(arguments: list[str], message: str) -> None:
    with pytest.raises(click.UsageError) as error:
        tables_of(*arguments)
    assert error.value.exit_code == 2
    assert message in error.value.format_message()


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "{model}", "--summary-output", "{file}"),
        ("suggest", "{model}", "--interactive", "--user-words", "{file}"),
    ],
)
def test_a_missing_folder_is_told_before_anything_is_read(
    tmp_path: Path, capsys: Captured, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "nowhere" / "file.npy"
    assert nextword(*(argument.format(model=tmp_path / "no-model", file=file) for argument in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"'{file}' must be in a folder that exists, but '{file.parent}' does not" in captured.err


def test_what_no_file_may_take_the_place_of_is_told_before_anything_is_read(tmp_path: Path, capsys: Captured) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        assert nextword("score", tmp_path / "no-model", "--summary-output", path) == 2
        assert f"'{path}' must be a file or a new name, but is a pipe or a device" in capsys.readouterr().err
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "austen", "{file}", "-o", "{file}"),
        ("score", "austen", "{other}", "-o", "{file}", "--summary-output", "{file}"),
        ("ngram", "{file}", "--arpa", "{file}"),
        ("ngram", "{other}", "--arpa", "{file}"),
    ],
    ids=" ".join,
)
def test_a_file_that_a_command_uses_is_not_overwritten(
    tmp_path: Path, capsys: Captured, arguments: tuple[str, ...]
) -> None:
    lines = "the cat sat on the mat\n" * 40
    paths = {"file": tmp_path / "lines.npy", "other": tmp_path / "other.txt"}
    for path in paths.values():
        path.write_text(lines, encoding="utf-8")
    assert nextword(*(argument.format(**paths) for argument in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search("` must (not be overwritten|be .* to be replaced)", captured.err)
    assert {path.read_text(encoding="utf-8") for path in paths.values()} == {lines}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(CommandOptions):
    """One field for each argument and flag: nothing else declares them."""

    text: str = argument()
    top: int = option(5, "-k", help="Number of results.", at_least=1, at_most=9)
    words: tuple[str, ...] = option((), help="Words to look for.")
    output: Path | None = option(None, help="File to write.", unset="standard output")
    is_all: bool = option(False, "--all", help="Show all.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a b"], Options(text="a b")),
        (["a", "-k", "9", "--all"], Options(text="a", top=9, is_all=True)),
        (["a", "--words", "x", "--words", "y", "--output", "o"], Options(text="a", words=("x", "y"), output=Path("o"))),
        ([], "Missing argument 'TEXT'"),
        (["a", "-k", "0"], "'-k' / '--top': must be from 1 to 9, but is 0"),
        (["a", "--top", "many"], "'-k' / '--top': must be an integer, but is 'many'"),
        (["a", "--all=1"], "'--all' does not take a value"),
        (["a", "--output"], "'--output' requires an argument"),
        (["a", "b"], "unexpected extra argument (b)"),
    ],
)
def test_one_field_is_flag_help_value_and_error(arguments: list[str], expected: Options | str) -> None:
    values: list[Options] = []

    @make_command(Options, examples=[])
    def command(options: Options) -> None:
        values.append(options)

    if isinstance(expected, Options):
        command.main(arguments, prog_name="command", standalone_mode=False)
        assert values == [expected]
    else:
        with pytest.raises(click.UsageError) as error:
            command.main(arguments, prog_name="command", standalone_mode=False)
        assert expected in error.value.format_message()
    shown = CliRunner().invoke(command, ["--help"]).output
    for text in ("-k, --top N", "Number of results (default: 5).", "(repeatable; default: none)", "standard output"):
        assert text in shown
