"""`nextword tune`: which settings are best for a text?"""

import dataclasses
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nextword.architecture import ModelOptions
from nextword.batching.options import BatchOptions
from nextword.cli.options import SettingsCommand, given_tables, settings_options
from nextword.errors import MissingExtraError, SettingError
from nextword.models.presets import preset_names
from nextword.text.options import TextOptions
from nextword.text.source import stored_name
from nextword.training.interruption import TrainingInterrupted
from nextword.training.options import TrainingOptions

if TYPE_CHECKING:
    from nextword.cli.console import Console
    from nextword.training.config import RunConfig
    from nextword.tuning.study import Study
    from nextword.tuning.study_settings import StudySettings, SweepOptions

_COLUMNS_OF_A_FILE = 160
_KINDS = (TextOptions, BatchOptions, ModelOptions, TrainingOptions)
_GOES_WITH_ANY = {"study", "trials", "keep_runs", "data_dir", "as_json"}
_DECIDED_HERE = ("round_steps", "minutes")


@settings_options(_KINDS, without=_DECIDED_HERE)
@click.command(cls=SettingsCommand)
@click.argument("text", required=False)
@click.option(
    "--study",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Directory of the study, shared by the processes of one machine.",
)
@click.option("--trials", type=click.IntRange(1), help="Trials in all, by however many processes.  [default: 20]")
@click.option(
    "--preset", default="quick", show_default=True, help=f"Where settings begin: {', '.join(preset_names())}."
)
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings laid over the preset.")
@click.option("--search", type=click.Path(path_type=Path), help="TOML file of what to vary; see docs/tuning.md.")
@click.option(
    "--pruner",
    type=click.Choice(["median", "hyperband", "none"]),
    default="median",
    show_default=True,
    help="What ends a trial that is not worth its time.",
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=8, show_default=True, help="Validations of a trial.")
@click.option("--minutes-per-trial", type=click.FloatRange(0.01), help="Minutes that the epochs of a trial shall fill.")
@click.option("--sampler-seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the suggestions.")
@click.option("--storage", metavar="URL", help="Database to share the study between machines; see docs/tuning.md.")
@click.option("--keep-runs", is_flag=True, help="Keep the checkpoints of trials that have ended.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of sample corpora; else NEXTWORD_DATA.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the report as JSON, and everything else on standard error."
)
@click.pass_context
def tune(context: click.Context, /, study: Path, keep_runs: bool, as_json: bool, **_others: Any) -> None:
    """Search for the settings that suit TEXT best, by many short trainings.

    Each trial is a run in STUDY/trials with settings that Optuna suggests, compared by validation perplexity; the test
    split is never opened. Run the command again to resume; several processes may work on one study, and with --storage
    several machines. A study that has begun needs no more than `nextword tune --study STUDY`.
    """
    from nextword.cli.console import Console

    _require_extras()
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    if not console.is_terminal:
        console.width = _COLUMNS_OF_A_FILE
    try:
        opened = _work(context, console, study, keep_checkpoints=keep_runs)
    except TrainingInterrupted as stop:
        click.echo(f"{stop}; go on with: nextword tune --study {shlex.quote(str(study))}", err=True)
        raise
    _show(opened, console, as_json=as_json)


def _require_extras() -> None:
    for module, extra in (("optuna", "tune"), ("keras", "train"), ("jax", "train")):
        if find_spec(module) is None:
            raise MissingExtraError(f"tuning needs `{module}`, which is missing; install `nextword[{extra}]`")


def _work(context: click.Context, console: "Console", root: Path, *, keep_checkpoints: bool) -> "Study":
    from nextword.cli.progress import ProgressBar
    from nextword.training.context import RunContext
    from nextword.tuning.opening import open_study
    from nextword.tuning.study_settings import StudyDirectory
    from nextword.tuning.sweep import Sweep
    from nextword.tuning.trial_run import TrialRun

    run_context = RunContext(say=lambda text: console.print(text, markup=False), data_dir=context.params["data_dir"])
    wanted = _wanted(context)
    study, text = open_study(StudyDirectory(root), wanted, run_context, trials=context.params["trials"])
    run = TrialRun(text, study.settings.options, run_context)
    Sweep(study, run, lambda: ProgressBar(console), keep_checkpoints=keep_checkpoints).work()
    return study


def _wanted(context: click.Context) -> "StudySettings | None":
    """Return the study that the arguments describe, or `None` where they only name one that has begun."""
    from nextword.training.config import RunConfig, preset_below, read_tables
    from nextword.tuning.default_space import default_space
    from nextword.tuning.study_settings import StudySettings, SweepOptions

    given = context.params
    if given["text"] is None:
        _refuse_other_arguments(context)
        return None
    tables = [read_tables(given["config"])] if given["config"] else []
    text = stored_name(given["text"])
    origin = {"command": shlex.join(["nextword", *context.obj]), "text_path": text}
    preset = given["preset"]
    if tables and context.get_parameter_source("preset") is click.core.ParameterSource.DEFAULT:
        preset = preset_below(tables[0]) or preset
    base = RunConfig.of(preset, *tables, given_tables(context), origin=origin)
    fields = {field.name: given[field.name] for field in dataclasses.fields(SweepOptions)}
    options = SweepOptions(**{name: value for name, value in fields.items() if value is not None})
    base, options = _with_time(base, options, given["setting_epochs"])
    search = read_tables(given["search"]) if given["search"] else default_space(base)
    return StudySettings(options, text, base, search)


def _with_time(base: "RunConfig", options: "SweepOptions", epochs: float | None) -> tuple["RunConfig", "SweepOptions"]:
    """Return the settings without minutes, and the options with them: a trial's epochs are fixed before it begins."""
    if options.minutes_per_trial is not None and epochs is not None:
        raise SettingError(
            f"`--minutes-per-trial` decides the epochs, but `--epochs {epochs:g}` was given too; "
            "leave out one of the two"
        )
    minutes = options.minutes_per_trial or base.training.minutes
    base = dataclasses.replace(base, training=base.training.replace(minutes=None), plan=None)
    return base, options.replace(minutes_per_trial=minutes)


def _refuse_other_arguments(context: click.Context) -> None:
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in _GOES_WITH_ANY and source is click.core.ParameterSource.COMMANDLINE:
            given = name.removeprefix("setting_").replace("_", "-")
            raise SettingError(
                f"`--{given}` must be given with TEXT, but is given without; a study that has begun keeps its settings"
            )


def _show(study: "Study", console: "Console", *, as_json: bool) -> None:
    from nextword.tuning.report import StudyReport

    report = StudyReport.of(study)
    if as_json:
        click.echo(report.to_json())
        return
    console.print(report.table())
    for sentence in report.sentences():
        console.print(sentence, markup=False)
