"""`nextword train`: from a text to a model."""

import json
import shlex
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markdown import Markdown

from nextword.bundle.model_card import figures_table
from nextword.cli.command import command
from nextword.cli.console import Console
from nextword.cli.dry_run import print_forecast
from nextword.cli.options import data_dir_option, json_option
from nextword.cli.output import detail, invocation, say
from nextword.cli.run_options import (
    RUN_SETTINGS,
    complete_text,
    config_option,
    given_names,
    preset_defaults,
    preset_option,
    run_config,
    runs_folder,
)
from nextword.cli.setting_option import Tables
from nextword.cli.target import complete_directory
from nextword.errors import SettingError, TrainingDivergedError
from nextword.models.presets import DEFAULT_PRESET
from nextword.text.text_name import run_name
from nextword.training import import_start
from nextword.training.context import RunContext
from nextword.training.interruption import TrainingInterrupted
from nextword.training.live_bar import live_bar
from nextword.training.own_run import own_directory, own_run
from nextword.training.process_group import Membership
from nextword.training.progress_bar import ProgressBar
from nextword.training.run_directory import RunDirectory

if TYPE_CHECKING:
    from nextword.training.result import FinishedRun
    from nextword.training.run_logger import RunLogger


_SHORT = ("epochs", "minutes", "seed", "tokenizer", "hidden_sizes", "learning_rate", "batch_size")
"""The settings that the short help shows."""


@command(
    *RUN_SETTINGS,
    short=_SHORT,
    defaults=preset_defaults,
    examples=[
        "nextword train my-text.txt",
        "nextword train austen --minutes 2 --run runs/demo",
        "nextword train austen --preset quick --epochs 1 --dry-run",
    ],
)
@click.argument("text", required=False, shell_complete=complete_text)
@preset_option(DEFAULT_PRESET)
@config_option
@click.option(
    "--run",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run directory.",
    show_default="runs/TEXT-PRESET",
)
@click.option(
    "--resume",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Resume this run.",
    show_default="start a new run",
    shell_complete=complete_directory,
)
@click.option(
    "--finish",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="End this run now, with its best weights.",
    show_default="none",
    shell_complete=complete_directory,
)
@click.option("--live", is_flag=True, help="Show a growing curve.")
@click.option(
    "--tensorboard",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Log the run for TensorBoard in DIR/RUN.",
    show_default="no log",
)
@click.option(
    "--mlflow",
    metavar="PLACE",
    help="Log the run to MLflow: a folder, or the address of a server.",
    show_default="no log",
)
@click.option("--dry-run", is_flag=True, help="Show size, steps, memory and time of the run. Do not train.")
@data_dir_option
@json_option
@click.pass_context
def train(
    context: click.Context,
    /,
    text: str | None,
    run: Path | None,
    resume: Path | None,
    finish: Path | None,
    live: bool,
    tensorboard: Path | None,
    mlflow: str | None,
    dry_run: bool,
    data_dir: Path | None,
    as_json: bool,
    given: Tables,
    **_preset_and_config: Any,
) -> None:
    """Train a language model on a text.

    TEXT is a file (plain, JSON Lines, CSV, Parquet; packed or not), a pattern such as 'mail/*.txt', an address, a
    folder, or a sample: austen, ptb, wikitext-2. By default, training takes ten minutes, and the size of the model fits
    this time, the text and this machine. Defaults are those of --preset.
    """
    loggers = partial(_loggers, tensorboard, mlflow)
    watched = _Watched(data_dir, loggers, as_json=as_json, live=live)
    former = resume or finish
    if former is not None:
        alone = "resume" if resume else "finish"
        if others := given_names(context, alone, "data_dir", "as_json", "live", "tensorboard", "mlflow"):
            raise SettingError(
                f"`--{alone}` must stand alone, but `{others[0]}` was given too; a run keeps the settings it began with"
            )
        own = own_directory(former)
        watched.train(own, lambda context: import_start().resume_run(former, context, finish=resume is None))
        return
    if text is None:
        raise click.UsageError("TEXT must be given: a file, a folder, or a sample such as austen", context)
    if given.get("training", {}).keys() >= {"epochs", "minutes"}:
        raise SettingError("`--epochs` and `--minutes` must not be given together, but are; leave one out")
    settings = run_config(context)
    directory = run or runs_folder() / f"{run_name(text)}-{settings.origin['preset']}"
    if dry_run:
        import_start()
        from nextword.training.forecast import forecast_run

        quiet_context = RunContext(say=detail, warn=say, data_dir=data_dir)
        print_forecast(forecast_run(settings, text, directory, quiet_context), as_json=as_json)
        return
    own, _ = own_run(directory, settings)
    watched.train(own, lambda context: import_start().start_run(settings, text, directory, context))


def _loggers(tensorboard: Path | None, mlflow: str | None, directory: Path) -> list["RunLogger"]:
    """Return the loggers that were asked for.

    Raises:
        MissingExtraError: The package of one is not installed.
    """
    loggers: list[RunLogger] = []
    if tensorboard is not None:
        import_start()
        from nextword.training.tensorboard_logger import TensorBoardLogger

        loggers.append(TensorBoardLogger(tensorboard / directory.absolute().name))
    if mlflow is not None:
        import_start()
        from nextword.training.mlflow_logger import MlflowLogger

        loggers.append(MlflowLogger(mlflow))
    return loggers


class _Watched:
    """Trains with a progress bar, and prints what to do next however it ends.

    With `--json`, everything but the figures goes to standard error.

    Args:
        data_dir: The folder of samples.
        loggers: Returns the loggers of the run in a directory.
        as_json: Whether the figures are printed as JSON.
        live: Whether the curve is shown while it grows.
    """

    def __init__(
        self, data_dir: Path | None, loggers: Callable[[Path], Sequence[Any]], *, as_json: bool, live: bool
    ) -> None:
        options: dict[str, Any] = {"highlight": False, "soft_wrap": True}
        self._console = Console(**options, stderr=as_json, quiet=invocation().verbosity < 0)
        self._results = Console(**options)
        self._data_dir, self._as_json, self._loggers = data_dir, as_json, loggers
        self._bar = live_bar if live else ProgressBar

    def context(self, **observers: Any) -> RunContext:
        """Return the context of a run that prints its messages."""
        say = partial(self._console.print, markup=False)
        return RunContext(say=say, warn=say, data_dir=self._data_dir, **observers)

    def train(self, directory: Path, work: Callable[[RunContext], "FinishedRun"]) -> None:
        """Train, and print the figures."""
        resume = f"resume with: nextword train --resume {shlex.quote(str(directory))}"
        try:
            loggers = self._loggers(directory)
            with self._bar(self._console) as bar:
                finished = work(self.context(observer=bar, reading=bar.on_reading, callbacks=loggers))
        except TrainingInterrupted as stop:
            click.echo(f"{stop}; {resume}", err=True)
            raise
        except KeyboardInterrupt as stop:  # before the first step, or after the last
            if not RunDirectory(directory).is_run:
                raise
            click.echo(f"interrupted; {resume}", err=True)
            raise TrainingInterrupted(signal.SIGINT) from stop
        except BrokenPipeError:
            click.echo(f"training has stopped, since the program that reads its output has ended; {resume}", err=True)
            raise
        except TrainingDivergedError as error:
            raise TrainingDivergedError(f"{error} (run: {directory})") from error
        if not Membership.is_follower:
            self._print(finished, directory)

    def _print(self, finished: "FinishedRun", directory: Path) -> None:
        if self._as_json:
            click.echo(json.dumps({"run": str(directory), **finished.to_table()}, allow_nan=False))
            return
        self._results.print(Markdown(figures_table(finished.metrics)))
        curves = directory / "curves.png"
        drawn = f"\ncurves: {curves}" if curves.is_file() else ""
        self._console.print(f"\nmodel:  {directory / 'model'}{drawn}", markup=False)
