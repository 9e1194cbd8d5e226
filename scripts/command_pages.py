"""The pages docs/commands/NAME.md, made from the command line itself.

    python scripts/command_pages.py             # write the pages; outputs of examples stay as they are
    python scripts/command_pages.py --check     # exit with 1 if a page is older than the command line

Help, options, defaults and usage come from the command; a table whose options are those of `nextword train` links to
its page. Exit codes and environment variables come from the tables of docs/cli.md. The examples are in
command_pages.toml. `scripts/outputs.py` then runs them and writes their outputs: `make commands` does both.
"""

import argparse
import dataclasses
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import click

from documentation.blocks import blocks_in
from documentation.console import entries_of
from nextword.cli.main import nextword
from nextword.cli.options.command import Command, OptionHelp

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "commands"
NOTES = Path(__file__).with_suffix(".toml")
OVERVIEW = ROOT / "docs" / "cli.md"

MADE_BY = "<!-- Made by scripts/command_pages.py; `make commands` makes it again. -->"
_COMMON = (
    "All commands share [flags](../cli.md#flags), [variables](../cli.md#environment-variables) and "
    "[exit codes](../cli.md#output)."
)
_WIDTH = 100
_MANY = 3  # fewer options of `train` are listed again
_FLAG = re.compile(r"(?<![\w-])-{1,2}[a-z][a-z0-9-]*")
_VARIABLE = re.compile(r"\b(?:NEXTWORD|KERAS)_[A-Z_]+\*?(?:\.\.\.)?")


@dataclass(frozen=True)
class Example:
    """A console block of a page.

    Attributes:
        commands: What follows `$`, from top to bottom.
        told: A sentence above it.
        rules: Comments above it, such as `output: varies`.
    """

    commands: tuple[str, ...]
    told: str = ""
    rules: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """Return the example of a table of command_pages.toml."""
        return cls(tuple(table["commands"]), table.get("told", ""), tuple(table.get("rules", ())))


@dataclass(frozen=True)
class Notes:
    """What a page has and the command line does not know.

    Attributes:
        examples: The first one opens the page.
        pages: Pages that tell more, with what they tell, by name.
        variables: Environment variables that the command reads, besides those of all commands.
        exit_codes: Exit codes of the command, besides those of all commands.
    """

    examples: tuple[Example, ...]
    pages: Mapping[str, str]
    variables: tuple[str, ...] = ()
    exit_codes: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """Return the notes of a table of command_pages.toml."""
        examples = tuple(map(Example.of, table["examples"]))
        return cls(examples, table["pages"], tuple(table.get("variables", ())), tuple(table.get("exit_codes", ())))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; report the pages that are older")
    check = parser.parse_args(arguments).check
    older = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in older:
        print(f"{path.relative_to(ROOT)}: {'older than the command line' if check else 'written'}")
        if not check:
            path.write_text(pages()[path], encoding="utf-8")
    return int(check and bool(older))


def pages() -> dict[Path, str]:
    """Return the text of each page; outputs are those of the page on the disk."""
    notes = {name: Notes.of(table) for name, table in tomllib.loads(NOTES.read_text(encoding="utf-8")).items()}
    overview = OVERVIEW.read_text(encoding="utf-8")
    with click.Context(nextword, info_name="nextword", **nextword.context_settings) as group:
        commands = {name: nextword.get_command(group, name) for name in nextword.list_commands(group)}
        return {
            PAGES / f"{name}.md": page_of(command, notes[name], overview, _former(PAGES / f"{name}.md"), group)
            for name, command in commands.items()
            if isinstance(command, Command)
        }


def page_of(command: Command, notes: Notes, overview: str, former: str, group: click.Context) -> str:
    """Return the page of a command.

    Args:
        command: The command.
        notes: What is not in its help.
        overview: The page docs/cli.md.
        former: The page as it is, for the outputs of its examples.
        group: The context of `nextword`.
    """
    context = click.Context(command, info_name=command.name, parent=group, max_content_width=_WIDTH)
    summary, _, rest = inspect.cleandoc(command.help or "").partition("\n\n")
    outputs = outputs_of(former)
    first, *more = notes.examples
    usage = command.get_usage(context).removeprefix("Usage: ")
    calls = "\n".join(command.examples)
    parts = [
        MADE_BY,
        f"# nextword {command.name}",
        prose(summary),
        *_example(first, outputs),
        "## Usage",
        f"```\n{re.sub(r'\n +', ' ', usage)}\n```",
        *(_paragraph(each) for each in rest.split("\n\n") if each),
        f"More calls:\n\n```\n{calls}\n```",
        *(["## More examples"] if more else []),
        *(part for example in more for part in _example(example, outputs)),
        "## Options",
        *_options(command, context, group),
        *(["## Environment variables and exit codes"] if notes.variables or notes.exit_codes else []),
        *([table_part(overview, "variable", notes.variables)] if notes.variables else []),
        *([table_part(overview, "exit code", sorted(notes.exit_codes, key=int))] if notes.exit_codes else []),
        _COMMON,
        "## Read more",
        "\n".join(f"- [{told}](../{name})" for name, told in notes.pages.items()),
    ]
    return "\n\n".join(parts) + "\n"


def outputs_of(page: str) -> dict[str, str]:
    """Return the output of each command in the console blocks of a page."""
    blocks = [block for block in blocks_in(page) if block.language == "console"]
    return {entry.command: entry.shown for block in blocks for entry in entries_of(block.body)}


def prose(text: str) -> str:
    """Return the text of a help as Markdown: flags and variables as code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else _plain(part) for part in parts)


def table_part(page: str, heading: str, keys: Sequence[str]) -> str:
    """Return the rows of a table of a page with these first cells, links made to fit a subfolder.

    Raises:
        KeyError: The table lacks one of them.
    """
    head, rows = _table(page, heading)
    chosen = [rows[key] for key in keys]
    return re.sub(r"\]\((?=[a-z-]+\.md)", "](../", "\n".join([*head, *chosen]))


def _table(page: str, heading: str) -> tuple[list[str], dict[str, str]]:
    lines = page[page.index(f"| {heading} |") :].split("\n\n", maxsplit=1)[0].splitlines()
    return lines[:2], {line.split("|")[1].strip(" `"): line for line in lines[2:]}


def _former(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _example(example: Example, outputs: Mapping[str, str]) -> Iterator[str]:
    if example.told:
        yield example.told
    shown = (f"$ {command}\n{outputs.get(command, '')}".rstrip("\n") for command in example.commands)
    comments = "".join(f"<!-- {rule} -->\n" for rule in example.rules)
    yield f"{comments}```console\n" + "\n".join(shown) + "\n```"


def _options(command: Command, context: click.Context, group: click.Context) -> Iterator[str]:
    sections = command.options_by_task(context, whole=True)
    known = _rows_of_train(group) if command.name != "train" else {}
    if command.short is not None:
        yield f"`nextword {command.name} --help` shows the most used of these, `--help-all` shows all."
    for heading, options in sections.items():
        if heading != "Options":
            yield f"### {prose(heading).replace('`', '')}"
        rows = [_row(option) for option in options]
        shared = [row for row in rows if row in known.get(heading, ())]
        own = [row for row in rows if row not in shared] if len(shared) >= _MANY else rows
        if own:
            yield "| option | meaning | default |\n|---|---|---|\n" + "\n".join(own)
        if len(shared) >= _MANY:
            anchor = re.sub(r"\W+", "-", heading.lower()).strip("-")
            flags = ", ".join(row.split("|")[1].strip() for row in shared)
            yield f"As in [`nextword train`](train.md#{anchor}): {flags}."


def _rows_of_train(group: click.Context) -> dict[str, list[str]]:
    train = nextword.get_command(group, "train")
    if not isinstance(train, Command):
        raise TypeError("`train` must be a command")
    context = click.Context(train, info_name="train", parent=group, max_content_width=_WIDTH)
    return {
        heading: list(map(_row, options)) for heading, options in train.options_by_task(context, whole=True).items()
    }


def _row(option: OptionHelp) -> str:
    *names, last = option.spec.split(", -")
    names = [*names, f"-{last}"] if names else [last]
    meaning = prose(dataclasses.replace(option, default="").sentence)
    cells = (", ".join(f"`{name}`" for name in names), meaning, prose(option.default))
    return f"| {' | '.join(cell.replace('|', r'\|') for cell in cells)} |"


def _paragraph(text: str) -> str:
    """Return a paragraph of a help; click leaves one that begins with a backspace as it is."""
    return f"```\n{text.removeprefix('\b\n')}\n```" if text.startswith("\b") else prose(text)


def _plain(text: str) -> str:
    text = text.replace("<", "&lt;").replace("*", r"\*")
    text = _VARIABLE.sub(lambda found: f"`{found[0]}`", text.replace(r"_\*", "_*"))
    return _FLAG.sub(lambda found: f"`{found[0]}`", text)


if __name__ == "__main__":
    sys.exit(main())
