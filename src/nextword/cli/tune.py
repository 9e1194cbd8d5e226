"""`nextword tune`: which settings are best for a text?"""

import dataclasses
import shlex
import signal
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import DIRECTORY
from nextword.cli.options.run_options import (
    RUN_SETTINGS,
    complete_text,
    config_option,
    given_names,
    preset_defaults,
    preset_option,
    run_config,
)
from nextword.cli.options.setting_option import JsonOptions, Tables, argument, data_dir_option, option
from nextword.cli.output.console import Console, reading_progress
from nextword.cli.output.messages import invocation
from nextword.errors import MissingExtraError, SettingError, TrainingInterrupted
from nextword.settings import read_tables
from nextword.text.sources.names import stored_name
from nextword.training import require_framework
from nextword.training.context import RunContext
from nextword.training.report.progress_bar import ProgressBar

if TYPE_CHECKING:
    from nextword.training.tuning.database import Database
    from nextword.training.tuning.report import StudyReport
    from nextword.training.tuning.study_settings import StudySettings

_COLUMNS_OF_A_FILE = 160
_GOES_WITH_ANY = ("study", "trials", "storage", "keep_runs", "data_dir", "as_json")


@dataclass(frozen=True, kw_only=True)
class _TuneOptions(JsonOptions):
    text: str | None = argument(None, complete=complete_text)
    study: Path = option(help="Study directory. Several processes may share it.", type=DIRECTORY)
    trials: int | None = option(None, help="Number of trials, over all processes.", at_least=1, unset="20")
    preset: str = preset_option("quick")
    config: Path | None = config_option()
    search_space: Path | None = option(
        None,
        help="TOML file with the settings to vary, such as `training.learning_rate = {low = 0.5, high = 2.0}`.",
        unset="around the preset",
    )
    pruner: Literal["median", "hyperband", "none"] = option("median", help="How to stop poor trials early.")
    rounds: int = option(8, help="Validations in each trial.", at_least=1, at_most=1000)
    minutes_per_trial: float | None = option(
        None, help="Time of a trial. It sets the epochs.", at_least=0.01, unset="set by --epochs"
    )
    sampler_seed: int = option(0, help="Seed for the suggested settings.", at_least=0)
    storage: str | None = option(
        None,
        help="Database that several machines share, such as postgresql://HOST/NAME.",
        metavar="URL",
        envvar="NEXTWORD_STORAGE",
        unset="NEXTWORD_STORAGE, else a file in the study directory",
    )
    grace_seconds: int = option(
        120, help="Time without a sign of life after which another machine retries a trial.", at_least=1, at_most=86_400
    )
    keep_runs: bool = option(False, help="Keep the checkpoints of finished trials.")
    data_dir: Path | None = data_dir_option()


@command(
    _TuneOptions,
    *RUN_SETTINGS,
    without=("round_steps", "minutes", "strategy", "base"),
    short=["epochs", "seed"],
    defaults=preset_defaults,
    examples=[
        "nextword tune my-text.txt --study sweeps/mine",
        "nextword tune austen --study sweeps/mine --trials 50 --minutes-per-trial 2",
        "nextword tune --study sweeps/mine",
    ],
)
def tune(options: _TuneOptions, given: Tables) -> None:
    """Search for the best settings for a text.

    Each trial is a short training run with other settings, in STUDY/trials. Trials are compared by validation
    perplexity; the test split is never read. Run the same command again to resume. Defaults come from --preset.
    """
    for module in ("optuna", "keras", "jax"):
        if find_spec(module) is None:
            raise MissingExtraError.of(f"tuning needs `{module}`", None, "all")
    require_framework()
    console = Console(highlight=False, soft_wrap=True, stderr=options.as_json, quiet=invocation().verbosity < 0)
    results = Console(highlight=False, soft_wrap=True)
    for each in (console, results):
        if not each.is_terminal:
            each.width = _COLUMNS_OF_A_FILE
    try:
        report = _work(options, given, console)
    except KeyboardInterrupt as stop:
        more = f" --trials {options.trials}" if options.trials else ""
        resume = f"nextword tune --study {shlex.quote(str(options.study))}{more}"
        click.echo(f"{str(stop) or 'interrupted'}; resume with: {resume}", err=True)
        if isinstance(stop, TrainingInterrupted):
            raise
        raise TrainingInterrupted(signal.SIGINT) from stop
    if options.as_json:
        click.echo(report.to_json())
        return
    results.print(report.table())
    for sentence in report.sentences():
        results.print(sentence, markup=False)


def _work(options: _TuneOptions, given: Tables, console: Console) -> "StudyReport":
    # The door to Optuna and the training framework, opened when they are known to be installed.
    from nextword.training.tuning import report, study_settings, sweep, trial_run
    from nextword.training.tuning.database import Database

    run_context = RunContext(say=partial(console.print, markup=False), data_dir=options.data_dir)
    database = None if options.storage is None else Database.of(options.storage)
    directory, settings = study_settings.StudyDirectory(options.study), _settings_of(options, given, database)
    with reading_progress():
        study, text = sweep.open_study(directory, settings, run_context, trials=options.trials, database=database)
    run = trial_run.TrialRun(text, study.settings.options, run_context)
    sweep.Sweep(study, run, lambda: ProgressBar(console), keep_checkpoints=options.keep_runs).work()
    return report.StudyReport.of(study)


def _settings_of(options: _TuneOptions, given: Tables, database: "Database | None") -> "StudySettings | None":
    """Return the study that the arguments describe, or `None` if they only name one that has begun."""
    from nextword.training.tuning import search_space, study_settings

    if options.text is None:
        if others := given_names(*_GOES_WITH_ANY):
            raise SettingError(
                f"`--{others[0]}` must be given with TEXT, but is given without; a study that has begun keeps its "
                "settings"
            )
        return None
    text = stored_name(options.text)
    base = run_config(given, text_path=text, command=_command(database))
    minutes, epochs = options.minutes_per_trial, given.get("training", {}).get("epochs")
    if minutes is not None and epochs is not None:
        raise SettingError(
            f"`--minutes-per-trial` decides the epochs, but `--epochs {epochs:g}` was given too; "
            "leave out one of the two"
        )
    names = [field.name for field in dataclasses.fields(study_settings.SweepOptions)]
    fields = {name: value for name, value in options.to_table().items() if name in names}
    if database is not None:
        fields["storage"] = database.address
    sweep = study_settings.SweepOptions(**{"minutes_per_trial": base.training.minutes, **fields})
    # A trial's epochs are fixed before it begins, so minutes belong to the study, never to its runs.
    base = dataclasses.replace(base, training=base.training.replace(minutes=None), plan=None)
    search = read_tables(options.search_space) if options.search_space else search_space.default_space(base)
    return study_settings.StudySettings(sweep, text, base, search)


def _command(database: "Database | None") -> str:
    """Return the command line without the password of a database."""
    arguments = invocation().arguments
    if database is not None:
        arguments = [argument.replace(database.url, database.address) for argument in arguments]
    return shlex.join(["nextword", *arguments])
