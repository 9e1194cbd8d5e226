"""The options by which commands describe a training run, and the settings that they come to."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nextword.architecture import ModelOptions
from nextword.batching.options import BatchOptions
from nextword.models.presets import preset_names
from nextword.settings import Settings
from nextword.text.options import TextOptions
from nextword.training.config import RunConfig, read_tables, recorded_preset
from nextword.training.options import TrainingOptions

RUN_SETTINGS: tuple[type[Settings], ...] = (TextOptions, BatchOptions, ModelOptions, TrainingOptions)
"""The settings of a training run, in the order of the help."""

_FROM_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE


def preset_option(default: str, meaning: str = "Where settings begin") -> Callable[[Callable[..., Any]], Any]:
    """Return the option `--preset`."""
    return click.option("--preset", default=default, show_default=True, help=f"{meaning}: {', '.join(preset_names())}.")


config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="TOML file of settings that override the preset."
)


def given_names(context: click.Context, *besides: str) -> list[str]:
    """Return the names of what was given on the command line, dashes in them, but for the parameters `besides`."""
    names = [str(parameter.name) for parameter in context.command.params if parameter.name not in besides]
    given = [name for name in names if context.get_parameter_source(name) is _FROM_COMMAND_LINE]
    return [name.removeprefix("setting_").replace("_", "-") for name in given]


def run_config(context: click.Context, **origin: str) -> RunConfig:
    """Return the settings of a run: those of `--preset`, overridden by `--config`, overridden by flags.

    A file that a run wrote stands on the preset of that run unless `--preset` is given.

    Args:
        context: The context of a command with `preset_option`, `config_option` and `RUN_SETTINGS`.
        origin: Where the run comes from, besides the command.
    """
    preset, config, given = (context.params[name] for name in ("preset", "config", "given"))
    table = read_tables(config) if config else {}
    if context.get_parameter_source("preset") is not _FROM_COMMAND_LINE:
        preset = recorded_preset(table) or preset
    return RunConfig.of(preset, table, given, origin={"command": shlex.join(["nextword", *context.obj]), **origin})
