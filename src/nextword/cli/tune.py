"""`nextword tune`: which settings are best for a text?"""

import dataclasses
import shlex
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nextword.cli.options.command import command
from nextword.cli.options.run_options import (
    RUN_SETTINGS,
    complete_text,
    config_option,
    given_names,
    preset_defaults,
    preset_option,
    run_config,
)
from nextword.cli.options.shared import data_dir_option, json_option
from nextword.cli.output.console import Console
from nextword.cli.output.messages import invocation
from nextword.cli.output.progress import reading_progress
from nextword.errors import MissingExtraError, SettingError
from nextword.settings import read_tables
from nextword.text.sources.names import stored_name
from nextword.training.context import RunContext
from nextword.training.interruption import TrainingInterrupted
from nextword.training.report.progress_bar import ProgressBar

if TYPE_CHECKING:
    from nextword.training.tuning.database import Database
    from nextword.training.tuning.report import StudyReport
    from nextword.training.tuning.study_settings import StudySettings

_COLUMNS_OF_A_FILE = 160
_GOES_WITH_ANY = ("study", "trials", "storage", "keep_runs", "data_dir", "as_json")


@command(
    *RUN_SETTINGS,
    without=("round_steps", "minutes", "strategy"),
    short=["epochs", "seed"],
    defaults=preset_defaults,
    examples=[
        "nextword tune my-text.txt --study sweeps/mine",
        "nextword tune austen --study sweeps/mine --trials 50 --minutes-per-trial 2",
        "nextword tune --study sweeps/mine",
    ],
)
@click.argument("text", required=False, shell_complete=complete_text)
@click.option(
    "--study",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Study directory. Several processes may share it.",
)
@click.option("--trials", type=click.IntRange(1), help="Number of trials, over all processes.", show_default="20")
@preset_option("quick")
@config_option
@click.option(
    "--search-space",
    "search",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TOML file with the settings to vary, such as `training.learning_rate = {low = 0.5, high = 2.0}`.",
    show_default="around the preset",
)
@click.option(
    "--pruner",
    type=click.Choice(["median", "hyperband", "none"]),
    default="median",
    help="How to stop poor trials early.",
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=8, help="Validations in each trial.")
@click.option(
    "--minutes-per-trial",
    type=click.FloatRange(0.01),
    help="Time of a trial. It sets the epochs.",
    show_default="set by --epochs",
)
@click.option("--sampler-seed", type=click.IntRange(0), default=0, help="Seed for the suggested settings.")
@click.option(
    "--storage",
    metavar="URL",
    envvar="NEXTWORD_STORAGE",
    help="Database that several machines share, such as postgresql://HOST/NAME.",
    show_default="NEXTWORD_STORAGE, else a file in the study directory",
)
@click.option(
    "--grace-seconds",
    type=click.IntRange(1, 86_400),
    default=120,
    help="Time without a sign of life after which another machine retries a trial.",
)
@click.option("--keep-runs", is_flag=True, help="Keep the checkpoints of finished trials.")
@data_dir_option
@json_option
@click.pass_context
def tune(context: click.Context, /, study: Path, keep_runs: bool, as_json: bool, **_others: Any) -> None:
    """Search for the best settings for a text.

    Each trial is a short training run with other settings, in STUDY/trials. Trials are compared by validation
    perplexity; the test split is never read. Run the same command again to resume. Defaults are those of --preset.
    """
    for module in ("optuna", "keras", "jax"):
        if find_spec(module) is None:
            raise MissingExtraError.of(f"tuning needs `{module}`", None, "all")
    console = Console(highlight=False, soft_wrap=True, stderr=as_json, quiet=invocation().verbosity < 0)
    results = Console(highlight=False, soft_wrap=True)
    for each in (console, results):
        if not each.is_terminal:
            each.width = _COLUMNS_OF_A_FILE
    try:
        report = _work(context, console, study, keep_checkpoints=keep_runs)
    except TrainingInterrupted as stop:
        click.echo(f"{stop}; resume with: nextword tune --study {shlex.quote(str(study))}", err=True)
        raise
    if as_json:
        click.echo(report.to_json())
        return
    results.print(report.table())
    for sentence in report.sentences():
        results.print(sentence, markup=False)


def _work(context: click.Context, console: Console, root: Path, *, keep_checkpoints: bool) -> "StudyReport":
    # The door to Optuna and the training framework, opened when they are known to be installed.
    from nextword.training.tuning import opening, report, study_settings, sweep, trial_run
    from nextword.training.tuning.database import Database

    run_context = RunContext(say=partial(console.print, markup=False), data_dir=context.params["data_dir"])
    url, trials = context.params["storage"], context.params["trials"]
    database = None if url is None else Database.of(url)
    directory, wanted = study_settings.StudyDirectory(root), _wanted(context, database)
    with reading_progress():
        study, text = opening.open_study(directory, wanted, run_context, trials=trials, database=database)
    run = trial_run.TrialRun(text, study.settings.options, run_context)
    sweep.Sweep(study, run, lambda: ProgressBar(console), keep_checkpoints=keep_checkpoints).work()
    return report.StudyReport.of(study)


def _wanted(context: click.Context, database: "Database | None") -> "StudySettings | None":
    """Return the study that the arguments describe, or `None` if they only name one that has begun.

    A trial's epochs are fixed before it begins, so that minutes are those of the study, never of its runs.
    """
    from nextword.training.tuning import default_space, study_settings

    given = context.params
    if given["text"] is None:
        if others := given_names(context, *_GOES_WITH_ANY):
            raise SettingError(
                f"`--{others[0]}` must be given with TEXT, but is given without; a study that has begun keeps its "
                "settings"
            )
        return None
    text = stored_name(given["text"])
    base = run_config(context, text_path=text, command=_command(database))
    minutes, epochs = given["minutes_per_trial"], given["given"].get("training", {}).get("epochs")
    if minutes is not None and epochs is not None:
        raise SettingError(
            f"`--minutes-per-trial` decides the epochs, but `--epochs {epochs:g}` was given too; "
            "leave out one of the two"
        )
    names = [field.name for field in dataclasses.fields(study_settings.SweepOptions)]
    fields = {name: given[name] for name in names if given[name] is not None}
    if database is not None:
        fields["storage"] = database.address
    options = study_settings.SweepOptions(**{"minutes_per_trial": base.training.minutes, **fields})
    base = dataclasses.replace(base, training=base.training.replace(minutes=None), plan=None)
    search = read_tables(given["search"]) if given["search"] else default_space.default_space(base)
    return study_settings.StudySettings(options, text, base, search)


def _command(database: "Database | None") -> str:
    """Return the command line without the password of a database."""
    arguments = invocation().arguments
    if database is not None:
        arguments = [argument.replace(database.url, database.address) for argument in arguments]
    return shlex.join(["nextword", *arguments])
