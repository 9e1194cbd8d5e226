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
from nextword.cli.options.command import Command, described
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

MEANINGS: dict[str, tuple[str, str]] = {
    "--quiet": ("switch", "print results and errors only"),
    "--verbose": ("switch", "print details"),
    "--no-color": ("switch", "print no colors"),
    "--help": ("switch", "print the help"),
    "--help-all": ("switch", "print the whole help"),
    "--json": ("switch", "print JSON"),
    "--top": ("count", "how many results"),
    "--max-tokens": ("count", "how many tokens to write, show or read"),
    "--page-tokens": ("count", "how many tokens on a page"),
    "--top-tokens": ("count", "how many tokens of each line"),
    "--proposals": ("count", "how many words to try"),
    "--processes": ("count", "how many processes"),
    "--skip": ("count", "how many tokens to skip"),
    "--word": ("count", "which word of a text"),
    "--layer": ("count", "which layer"),
    "--units": ("count", "how many units"),
    "--mark": ("count", "which unit to mark"),
    "--vocabulary-size": ("count", "how many tokens a model has"),
    "--num-steps": ("count", "words in a row"),
    "--batch-size": ("count", "rows in parallel"),
    "--trials": ("count", "how many trials"),
    "--rounds": ("count", "how many validations"),
    "--sampler-seed": ("count", "a seed"),
    "--minutes-per-trial": ("number", "a time"),
    "--grace-seconds": ("count", "a time"),
    "--hosts": ("count", "how many machines"),
    "--network": ("number", "Gb/s"),
    "--latency": ("number", "milliseconds"),
    "--collective": ("number", "Gb/s"),
    "--price": ("number", "money for an hour"),
    "--words-per-second": ("number", "a speed"),
    "--port": ("count", "a port to listen on"),
    "--order": ("count", "length of n-grams"),
    "--threshold": ("number", "bits"),
    "--output": ("output", "where the main result goes"),
    "--summary-output": ("output", "where the totals go"),
    "--weights-output": ("output", "where tuned weights go"),
    "--keras-output": ("output", "where a .keras file goes"),
    "--arpa": ("file", "an n-gram model to write"),
    "--html": ("file", "a page to write"),
    "--user-words": ("file", "the user's own words"),
    "--weights": ("file", "weights to read"),
    "--references": ("file", "what was said"),
    "--api-key-file": ("file", "API keys"),
    "--prompts": ("file", "prompts, one per line"),
    "--candidates": ("file", "candidates, one per line"),
    "--config": ("file", "settings"),
    "--search-space": ("file", "settings to vary"),
    "--run": ("folder", "a run directory"),
    "--resume": ("folder", "a run to resume"),
    "--finish": ("folder", "a run to end"),
    "--study": ("folder", "a study directory"),
    "--data-dir": ("folder", "sample texts"),
    "--prompt": ("text", "what to continue"),
    "--stop": ("text", "text to stop before"),
    "--forbid": ("text", "a word never to write"),
    "--require": ("text", "a word to write"),
    "--gap": ("text", "the mark of a gap"),
    "--host": ("text", "an address to listen on"),
    "--allow-host": ("text", "a name that requests may be sent to"),
    "--allow-origin": ("text", "a web page that is allowed"),
    "--nearest": ("text", "a word"),
    "--scores": ("text", "names of columns"),
    "--storage": ("text", "a database"),
    "--preset": ("name", "a preset"),
    "--split": ("name", "a split of a text"),
    "--method": ("name", "a method after training"),
    "--unit": ("name", "what is independent"),
    "--pooling": ("name", "how a line becomes a vector"),
    "--by": ("name", "how lines are measured"),
    "--pruner": ("name", "how trials are stopped"),
    "--engine": ("name", "what runs a model"),
    "--on-bad-bytes": ("name", "what happens to bad bytes"),
    "--vocabulary": ("switch", "all words in place of lines"),
    "--card": ("switch", "print the model card"),
    "--passage": ("switch", "text of the test split in the page"),
    "--tokens": ("switch", "each token"),
    "--no-header": ("switch", "no column names"),
    "--complete": ("switch", "complete a word"),
    "--interactive": ("switch", "answer lines"),
    "--stop-at-end": ("switch", "stop at the end of a line"),
    "--tune": ("switch", "find settings first"),
    "--significance": ("switch", "compare columns"),
    "--ensemble": ("switch", "combine models"),
    "--keystrokes": ("switch", "measure keys"),
    "--best": ("switch", "only the best"),
    "--keep-runs": ("switch", "keep checkpoints"),
    "--all": ("switch", "list all"),
    "--clear": ("switch", "remove all"),
    "--lowercase": ("switch", "read lines in lower case"),
    "--live": ("switch", "show a curve that grows"),
    "--tensorboard": ("folder", "logs for TensorBoard"),
    "--mlflow": ("text", "where MLflow's log goes"),
    "--dry-run": ("switch", "do not train"),
    "--no-measure": ("switch", "do not measure"),
    "--strict": ("switch", "exit with 1 for problems"),
}
"""What each flag takes, and what it means wherever it appears."""

SHARED_SETTINGS = {"seed", "temperature", "on_bad_bytes", "batch_size", "num_steps"}
"""Names that settings of several commands have, with one meaning each."""

PRINTS_NO_RESULTS = {"draw", "launch", "serve"}
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


@BY_COMMAND
def test_a_flag_means_one_thing(command: Command) -> None:
    for option in options_of(command):
        if not isinstance(option, SettingOption):
            check_kind(option)


def check_kind(option: click.Option) -> None:
    kind, _ = MEANINGS[long_name(option)]
    assert option.is_flag == (kind == "switch")
    number = isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
    assert number == (kind in ("count", "number"))
    assert isinstance(option.type, click.types.IntParamType) == (kind == "count")
    if kind == "output":
        assert long_name(option) == "--output" or long_name(option).endswith("-output")
        assert isinstance(option.type, click.Path)
        assert option.metavar in ("FILE", "DIR")
    assert long_name(option).endswith("output") == (kind == "output")


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
    told = described(option, {})
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
    seen: dict[str, str] = {}
    for command, option in options():
        if isinstance(option, SettingOption):
            name = option.field.name
            assert option.group == seen.setdefault(name, option.group) or name in SHARED_SETTINGS, name
            assert f"--{name.replace('_', '-')}" not in MEANINGS or name in SHARED_SETTINGS, (command.name, name)


def test_a_setting_that_may_be_unset_says_what_that_means() -> None:
    for _, option in options():
        if isinstance(option, SettingOption) and option.field.default in (None, (), dataclasses.MISSING):
            metadata: Any = option.field.metadata
            assert option.field.default is dataclasses.MISSING or metadata["unset"], option.field.name


def test_the_table_has_no_flag_that_is_gone() -> None:
    assert set(MEANINGS) == {long_name(option) for _, option in options() if not isinstance(option, SettingOption)}


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
    read = {name for source in sources for name in re.findall(r"environ[^\n]*\"(NEXTWORD_\w+|NO_COLOR)\"", source)}
    read = {name for name in read if not name.startswith("NEXTWORD_SERVE_")} | {"NEXTWORD_SERVE_API_KEYS"}
    assert "NEXTWORD_RUNS" in read
    assert read <= set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
