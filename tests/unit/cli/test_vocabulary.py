"""One word, one meaning: the flags of all commands. `docs/cli.md` tells the same."""

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from nextword.cli.main import nextword
from nextword.cli.options.command import Command, OptionHelp
from nextword.cli.options.setting_option import SettingOption
from nextword.cli.output.messages import COMMON

SHORT = {
    "-k": "--top",
    "-o": "--output",
    "-p": "--prompt",
    "-q": "--quiet",
    "-n": "--processes",
    "-v": "--verbose",
    "-h": "--help",
}

SHARED_SETTINGS = {"seed", "temperature", "on_bad_bytes", "batch_size", "num_steps"}
"""Names that settings of several commands have, with one meaning each."""

PRINTS_NO_RESULTS = {"serve"}
"""Commands without `--json`."""


def commands() -> list[Command]:
    context = click.Context(nextword)
    found = [nextword.get_command(context, name) for name in nextword.list_commands(context)]
    assert all(isinstance(each, Command) for each in found)
    return [each for each in found if isinstance(each, Command)]


def options() -> Iterator[tuple[Command, click.Option]]:
    for command in commands():
        yield from ((command, each) for each in command.params if isinstance(each, click.Option))


def long_name(option: click.Option) -> str:
    return max(option.opts, key=len)


BY_COMMAND = pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)


def options_of(command: Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def test_a_flag_of_several_commands_is_one_declaration() -> None:
    seen: dict[str, tuple[bool, str]] = {}
    for command, option in options():
        name = long_name(option)
        if not isinstance(option, SettingOption) and name not in ("--batch-size", "--method"):
            is_path = isinstance(option.type, click.Path)
            kind = (option.is_flag, "path" if is_path else type(option.type).__name__)
            assert seen.setdefault(name, kind) == kind, (command.name, name)


@BY_COMMAND
def test_what_a_command_writes_is_an_output(command: Command) -> None:
    for option in options_of(command):
        if long_name(option).endswith("output") and not isinstance(option, SettingOption):
            assert isinstance(option.type, click.Path)


@BY_COMMAND
def test_short_names_belong_to_one_flag(command: Command) -> None:
    for option in options_of(command):
        short = [name for name in option.opts if not name.startswith("--")]
        assert short == [name for name, long in SHORT.items() if long == long_name(option)]
        assert len(option.opts) == len(short) + 1


@BY_COMMAND
def test_a_default_is_shown(command: Command) -> None:
    for option in options_of(command):
        check_help(option)


def check_help(option: click.Option) -> None:
    told = OptionHelp.of(option, {}).sentence
    assert option.help
    assert option.help[0].isupper() or option.help.split(":")[0].isidentifier() or ", " in option.help.split(":")[0]
    assert told.endswith(".")
    switch = option.is_flag and not option.secondary_opts
    assert switch or option.required or "default: " in told, told
    assert "UNSET" not in told
    assert "None" not in told


@BY_COMMAND
def test_every_command_has_the_common_options(command: Command) -> None:
    names = [str(option.name) for option in command.params if isinstance(option, click.Option)]
    assert set(COMMON) <= set(names)
    assert len(names) == len(set(names))
    assert ("as_json" in names) == (command.name not in PRINTS_NO_RESULTS)


def test_settings_have_names_of_their_own() -> None:
    own = {long_name(option) for _, option in options() if not isinstance(option, SettingOption)}
    seen: dict[str, str] = {}
    for command, option in options():
        if isinstance(option, SettingOption):
            name = option.field.name
            assert option.group == seen.setdefault(name, option.group) or name in SHARED_SETTINGS, name
            assert f"--{name.replace('_', '-')}" not in own or name in SHARED_SETTINGS, (command.name, name)


def test_a_setting_that_may_be_unset_says_what_that_means() -> None:
    for _, option in options():
        if isinstance(option, SettingOption) and option.field.default in (None, (), dataclasses.MISSING):
            metadata: Any = option.field.metadata
            assert option.field.default is dataclasses.MISSING or metadata["unset"], option.field.name


ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_the_page_tells_of_every_command_and_shared_flag() -> None:
    names = {str(command.name) for command in commands()}
    assert set(re.findall(r"^\| \[`([a-z]+)`\]\(commands/\1\.md\) \|", PAGE, re.MULTILINE)) == names
    count = Counter(long_name(option) for _, option in options() if not isinstance(option, SettingOption))
    told = set(re.findall(r"--[a-z][a-z-]*[a-z]", PAGE))
    assert {flag for flag, uses in count.items() if uses > 1} <= told
    known = {name for _, option in options() for name in (*option.opts, *option.secondary_opts)}
    assert told <= known


def test_the_page_tells_of_every_variable() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    read = {name for source in sources for name in re.findall(r"\"(NEXTWORD_[A-Z_]*[A-Z]|NO_COLOR)\"", source)}
    read = {name for name in read if not name.startswith("NEXTWORD_SERVE_")} | {"NEXTWORD_SERVE_API_KEYS"}
    assert {"NEXTWORD_RUNS", "NEXTWORD_CACHE_GB"} <= read
    assert read == set(re.findall(r"^\| `(NEXTWORD_[A-Z_]+|NO_COLOR)` \|", PAGE, re.MULTILINE))
