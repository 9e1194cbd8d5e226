"""`nextword tune`: which settings are best for a text?"""

import dataclasses
import shlex
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nextword.cli.options import data_dir_option, settings_command
from nextword.cli.progress import Console
from nextword.cli.run_options import RUN_SETTINGS, config_option, given_names, preset_option, run_config
from nextword.errors import MissingExtraError, SettingError
from nextword.text.source import stored_name
from nextword.training.config import read_tables
from nextword.training.context import RunContext
from nextword.training.interruption import TrainingInterrupted
from nextword.training.progress_bar import ProgressBar

if TYPE_CHECKING:
    from nextword.tuning.report import StudyReport
    from nextword.tuning.study_settings import StudySettings

_COLUMNS_OF_A_FILE = 160
_GOES_WITH_ANY = ("study", "trials", "keep_runs", "data_dir", "as_json")


@settings_command(*RUN_SETTINGS, without=("round_steps", "minutes"))
@click.argument("text", required=False)
@click.option(
    "--study",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Directory of the study, shared by the processes of one machine.",
)
@click.option("--trials", type=click.IntRange(1), help="Trials in all, by however many processes.  [default: 20]")
@preset_option("quick")
@config_option
@click.option(
    "--search-space", "search", type=click.Path(path_type=Path), help="TOML file of what to vary; see docs/tuning.md."
)
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
@data_dir_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print the report as JSON, and everything else on standard error."
)
@click.pass_context
def tune(context: click.Context, /, study: Path, keep_runs: bool, as_json: bool, **_others: Any) -> None:
    """Search for the settings that suit TEXT best, by many short training runs.

    Each trial is a run in STUDY/trials with settings that Optuna suggests, compared by validation perplexity; the test
    split is never opened. Run the command again to resume; several processes may work on one study, and with --storage
    several machines. A study that has begun needs no more than `nextword tune --study STUDY`.
    """
    for module in ("optuna", "keras", "jax"):
        if find_spec(module) is None:
            raise MissingExtraError.of(f"tuning needs `{module}`", None, "all")
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    if not console.is_terminal:
        console.width = _COLUMNS_OF_A_FILE
    try:
        report = _work(context, console, study, keep_checkpoints=keep_runs)
    except TrainingInterrupted as stop:
        click.echo(f"{stop}; go on with: nextword tune --study {shlex.quote(str(study))}", err=True)
        raise
    if as_json:
        click.echo(report.to_json())
        return
    console.print(report.table())
    for sentence in report.sentences():
        console.print(sentence, markup=False)


def _work(context: click.Context, console: Console, root: Path, *, keep_checkpoints: bool) -> "StudyReport":
    # The door to Optuna and the training framework, opened when they are known to be installed.
    from nextword.tuning import opening, report, study_settings, sweep, trial_run

    run_context = RunContext(say=partial(console.print, markup=False), data_dir=context.params["data_dir"])
    directory, wanted = study_settings.StudyDirectory(root), _wanted(context)
    study, text = opening.open_study(directory, wanted, run_context, trials=context.params["trials"])
    run = trial_run.TrialRun(text, study.settings.options, run_context)
    sweep.Sweep(study, run, lambda: ProgressBar(console), keep_checkpoints=keep_checkpoints).work()
    return report.StudyReport.of(study)


def _wanted(context: click.Context) -> "StudySettings | None":
    """Return the study that the arguments describe, or `None` if they only name one that has begun.

    A trial's epochs are fixed before it begins, so that minutes are those of the study, never of its runs.
    """
    from nextword.tuning import default_space, study_settings

    given = context.params
    if given["text"] is None:
        if others := given_names(context, *_GOES_WITH_ANY):
            raise SettingError(
                f"`--{others[0]}` must be given with TEXT, but is given without; a study that has begun keeps its "
                "settings"
            )
        return None
    text = stored_name(given["text"])
    base = run_config(context, text_path=text)
    minutes, epochs = given["minutes_per_trial"], given["given"].get("training", {}).get("epochs")
    if minutes is not None and epochs is not None:
        raise SettingError(
            f"`--minutes-per-trial` decides the epochs, but `--epochs {epochs:g}` was given too; "
            "leave out one of the two"
        )
    names = [field.name for field in dataclasses.fields(study_settings.SweepOptions)]
    fields = {name: given[name] for name in names if given[name] is not None}
    options = study_settings.SweepOptions(**{"minutes_per_trial": base.training.minutes, **fields})
    base = dataclasses.replace(base, training=base.training.replace(minutes=None), plan=None)
    search = read_tables(given["search"]) if given["search"] else default_space.default_space(base)
    return study_settings.StudySettings(options, text, base, search)
