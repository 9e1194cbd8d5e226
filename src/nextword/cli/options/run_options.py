"""The options by which commands describe a training run, and the settings that they come to."""

import os
import shlex
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from nextword.cli.options.setting_option import Tables, option, shown
from nextword.cli.output.messages import COMMON, invocation
from nextword.model.architecture import DropoutRate, ModelOptions
from nextword.model.presets import DEFAULT_PRESET, preset_names, read_preset
from nextword.settings import Settings, read_tables
from nextword.text.options import BatchOptions, TextOptions
from nextword.text.sources.samples import SAMPLES
from nextword.training.config import RunConfig, recorded_preset
from nextword.training.options import TrainingOptions
from nextword.training.planning.auto_settings import CHOSEN

RUN_SETTINGS: tuple[type[Settings], ...] = (TrainingOptions, TextOptions, DropoutRate, ModelOptions, BatchOptions)
"""The settings of a training run."""

_FROM_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE
_BY_TIME = "fits the time"


def complete_preset(_context: click.Context, _option: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the presets whose names begin with what was typed."""
    return [CompletionItem(name) for name in preset_names() if name.startswith(typed)]


def complete_text(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the sample texts that begin with what was typed, and let the shell complete files."""
    samples = [CompletionItem(name) for name in SAMPLES if typed and name.startswith(typed)]
    return [*samples, CompletionItem(typed, type="file")]


def preset_option(default: str, meaning: str = "Preset to start from") -> Any:
    """Return the field of `--preset`."""
    help_text = f"{meaning}; see `nextword presets`."
    return option(default, help=help_text, metavar="NAME", is_eager=True, complete=complete_preset)


def config_option() -> Any:
    """Return the field of `--config`: a path or `None`."""
    return option(None, help="TOML file that overrides the preset.")


def preset_defaults(context: click.Context) -> dict[str, str]:
    """Return the values that the preset gives to settings, in words and by name."""
    option = next(each for each in context.command.params if each.name == "preset")
    name = context.params.get("preset") or str(option.default)
    preset = read_preset(name)
    groups = {kind.group for kind in RUN_SETTINGS}
    defaults = {each: shown(value) for group in groups for each, value in preset.get(group, {}).items()}
    if "minutes" in defaults:
        defaults["epochs"] = "as many as fit --minutes"
    return defaults | (dict.fromkeys(CHOSEN, _BY_TIME) if name == DEFAULT_PRESET else {})


def runs_folder() -> Path:
    """Return the folder of runs: that of the variable NEXTWORD_RUNS, else `runs`."""
    return Path(os.environ.get("NEXTWORD_RUNS") or "runs")


def given_names(*besides: str) -> list[str]:
    """Return the names of the arguments on the command line, with dashes, except for the parameters `besides`."""
    context = click.get_current_context()
    others = [parameter for parameter in context.command.params if parameter.name not in (*besides, *COMMON)]
    given = [each for each in others if context.get_parameter_source(str(each.name)) is _FROM_COMMAND_LINE]
    return [max(each.opts, key=len).removeprefix("--") for each in given]


def run_config(given: Tables, **origin: str) -> RunConfig:
    """Return the settings of a run: those of `--preset`, overridden by `--config`, overridden by flags.

    A file that a run wrote starts from the preset of that run, unless `--preset` is given.
    """
    context = click.get_current_context()
    preset, config = context.params["preset"], context.params["config"]
    table = read_tables(config) if config else {}
    if context.get_parameter_source("preset") is not _FROM_COMMAND_LINE:
        preset = recorded_preset(table) or preset
    origin = {"command": shlex.join(["nextword", *invocation().arguments]), **origin}
    return RunConfig.of(preset, table, given, origin=origin)
