"""The pages of the commands are what the command line says, and each has an example with its output."""

import re
from pathlib import Path

import click
import pytest

import command_pages
from documentation.page import Page
from nextword.cli.main import nextword

PAGES = command_pages.pages()
BY_PAGE = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def test_every_command_has_a_page_and_no_page_is_left_over() -> None:
    names = set(nextword.list_commands(click.Context(nextword)))
    assert {path.stem for path in PAGES} == names
    assert {path.stem for path in command_pages.PAGES.glob("*.md")} == names


@BY_PAGE
def test_a_page_says_what_the_command_line_says(path: Path) -> None:
    """Make it again with `make commands`."""
    assert path.read_text(encoding="utf-8") == PAGES[path]


@BY_PAGE
def test_a_page_opens_with_an_example_and_shows_its_output(path: Path) -> None:
    page = Page(path)
    text = PAGES[path]
    assert text.index("```console") < text.index("## Usage")
    assert all(example.shown or example.rule.not_compared for example in page.examples)


@BY_PAGE
def test_a_page_has_every_option(path: Path) -> None:
    command = nextword.get_command(click.Context(nextword), path.stem)
    assert command is not None
    options = [option for option in command.params if isinstance(option, click.Option) and option.expose_value]
    named = set(re.findall(r"--[a-z0-9][a-z0-9-]*", PAGES[path].replace("--[no-]", "--")))
    assert {max(option.opts, key=len) for option in options} <= named


def test_flags_and_variables_of_a_help_become_markdown() -> None:
    text = "With --top, <x> and NEXTWORD_RUNS, not `--json`."
    shown = "With `--top`, &lt;x> and `NEXTWORD_RUNS`, not `--json`."
    assert command_pages.prose(text) == shown


def test_a_row_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="no-such-variable"):
        command_pages.table_part("| variable | meaning |\n|---|---|\n| `A` | b |\n", "variable", ["no-such-variable"])
