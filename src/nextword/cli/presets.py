"""`nextword presets`: which presets are there, and what does one of them set?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
import tomli_w
from rich.table import Table

from nextword.cli.options.command import command
from nextword.cli.options.run_options import complete_preset
from nextword.cli.options.setting_option import JsonOptions, argument, option
from nextword.cli.output.console import Console
from nextword.cli.output.messages import say
from nextword.model.architecture import ModelOptions
from nextword.model.presets import DEFAULT_PRESET, preset_names, read_preset

_VOCABULARY_SIZE = 10_000
_GENERAL = ("auto", "quick", "tutorial")
"""Presets for any text; the others repeat papers."""

_GROUPS = ("text", "batching", "model", "training")


@dataclass(frozen=True, kw_only=True)
class _PresetsOptions(JsonOptions):
    name: str | None = argument(None, complete=complete_preset)
    show_all: bool = option(False, "--all", help="List the presets of papers too.")


@command(
    _PresetsOptions,
    examples=["nextword presets", "nextword presets tutorial", "nextword presets tutorial > my.toml"],
)
def presets(options: _PresetsOptions) -> None:
    """List the presets, or print the settings of one.

    The settings are TOML. Edit a copy, and train with it: nextword train TEXT --config my.toml. Parameters are counted
    for a vocabulary of 10,000 words.
    """
    name = options.name
    if name is None:
        rows = [_facts(each) for each in preset_names()]
        if options.as_json:
            click.echo(json.dumps(rows, allow_nan=False))
        else:
            shown = rows if options.show_all else [facts for facts in rows if facts["name"] in _GENERAL]
            _print_table(shown)
            if not options.show_all:
                say(f"\n{len(rows) - len(shown)} more repeat papers: nextword presets --all")
    elif options.as_json:
        click.echo(json.dumps({**_facts(name), "settings": _tables(name)}, allow_nan=False))
    else:
        facts = _facts(name)
        click.echo(f"# {facts['description']}\n# For {facts['suits']}.\n")
        # With its origin, `--config` takes it for changes to this preset, whatever is deleted from it.
        click.echo(tomli_w.dumps({"origin": {"preset": name}, **_tables(name)}), nl=False)


def _facts(name: str) -> dict[str, Any]:
    """Return what tells a preset from others; `num_parameters` is `None` if the size follows from the time."""
    preset = read_preset(name)
    architecture = ModelOptions.from_table(preset["model"]).build(_VOCABULARY_SIZE)
    return {
        "name": name,
        "num_parameters": None if name == DEFAULT_PRESET else architecture.num_parameters,
        "suits": preset["suits"],
        "description": preset["description"],
    }


def _tables(name: str) -> dict[str, Any]:
    preset = read_preset(name)
    return {group: preset[group] for group in _GROUPS}


def _print_table(presets: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("preset", no_wrap=True)
    table.add_column("parameters", no_wrap=True, justify="right")
    table.add_column("for", no_wrap=True)
    table.add_column("what it is")
    for facts in presets:
        size = facts["num_parameters"]
        shown = "by time" if size is None else f"{size / 1e6:.1f} M"
        table.add_row(facts["name"], shown, facts["suits"], facts["description"])
    Console(highlight=False).print(table)
