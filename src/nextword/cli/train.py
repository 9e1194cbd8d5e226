"""`nextword train`: from a text to a model."""

import json
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markdown import Markdown

from nextword.bundle.model_card import SplitMetrics, figures_table, summary_of
from nextword.bundle.run_directory import RunDirectory, read_split_metrics
from nextword.cli.info import commands_for
from nextword.cli.options.command import command
from nextword.cli.options.run_options import (
    RUN_SETTINGS,
    complete_text,
    config_option,
    given_names,
    preset_defaults,
    preset_option,
    run_config,
    runs_folder,
)
from nextword.cli.options.setting_option import Tables
from nextword.cli.options.shared import data_dir_option, json_option
from nextword.cli.options.target import complete_directory
from nextword.cli.output.console import Console
from nextword.cli.output.messages import detail, invocation, say
from nextword.errors import SettingError, TrainingDivergedError
from nextword.export.run_export import export_run
from nextword.model.presets import DEFAULT_PRESET
from nextword.text.sources.names import run_name
from nextword.training import import_start
from nextword.training.cluster.group import Membership, ProcessGroup
from nextword.training.cluster.own_run import own_directory, own_run
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.interruption import TrainingInterrupted
from nextword.training.reading import read_corpus
from nextword.training.report.progress_bar import ProgressBar, live_bar

if TYPE_CHECKING:
    from nextword.text.corpus import Corpus
    from nextword.training.report.run_logger import RunLogger
    from nextword.training.result import FinishedRun


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
    began, loggers = time.monotonic(), partial(_loggers, tensorboard, mlflow)
    watched = _Watched(data_dir, loggers, as_json=as_json, live=live)
    former = resume or finish
    if former is not None:
        alone = "resume" if resume else "finish"
        if others := given_names(context, alone, "data_dir", "as_json", "live", "tensorboard", "mlflow"):
            raise SettingError(
                f"`--{alone}` must stand alone, but `{others[0]}` was given too; a run keeps the settings it began with"
            )
        own = RunDirectory(own_directory(former))
        RunConfig.of_run(own)
        if own.is_finished and not (tensorboard or mlflow or ProcessGroup.from_environment()):
            watched.show_finished(own)
            return
        watched.train(own, lambda context: import_start().resume_run(former, context, finish=resume is None))
        return
    if text is None:
        raise click.UsageError("TEXT must be given: a file, a folder, or a sample such as austen", context)
    if given.get("training", {}).keys() >= {"epochs", "minutes"}:
        raise SettingError("`--epochs` and `--minutes` must not be given together, but are; leave one out")
    settings = run_config(context)
    directory = run or runs_folder() / f"{run_name(text)}-{settings.origin['preset']}"
    if dry_run:
        _show_forecast(text, settings, directory, data_dir, as_json=as_json)
        return
    own = RunDirectory(own_run(directory, settings)[0])

    def start(context: RunContext) -> "FinishedRun":
        checked = _checked_text(text, settings, own, context)
        finished: FinishedRun = import_start().start_run(settings, checked, directory, context, began=began)
        return finished

    watched.train(own, start)


def _show_forecast(text: str, settings: RunConfig, directory: Path, data_dir: Path | None, *, as_json: bool) -> None:
    """Print what a run would be, without training."""
    context = RunContext(say=say, detail=detail, warn=say, data_dir=data_dir)
    corpus = _checked_text(text, settings, RunDirectory(directory), context)
    import_start()
    from nextword.training.planning.forecast import forecast_run

    forecast = forecast_run(settings, corpus, directory, context)
    lines = [json.dumps(forecast.to_table(), allow_nan=False)] if as_json else forecast.describe(is_dry=True)
    click.echo("\n".join(lines))


def _checked_text(text: str, config: RunConfig, directory: RunDirectory, context: RunContext) -> "Corpus | str":
    """Return the text of a new run, read before the training framework is loaded, so that errors come at once.

    Of several processes, each reads it after all have met.
    """
    directory.require_free()
    directory.require_writable()
    return text if ProcessGroup.from_environment() else read_corpus(text, config, context)


def _loggers(tensorboard: Path | None, mlflow: str | None, directory: Path) -> list["RunLogger"]:
    """Return the loggers that were asked for.

    Raises:
        MissingExtraError: The package of one is not installed.
    """
    loggers: list[RunLogger] = []
    if tensorboard is not None:
        import_start()
        from nextword.training.report.tensorboard_logger import TensorBoardLogger

        loggers.append(TensorBoardLogger(tensorboard / directory.absolute().name))
    if mlflow is not None:
        import_start()
        from nextword.training.report.mlflow_logger import MlflowLogger

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
        self._verbosity = invocation().verbosity
        self._console = Console(**options, stderr=as_json, quiet=self._verbosity < 0)
        self._data_dir, self._as_json, self._loggers = data_dir, as_json, loggers
        moves = self._verbosity >= 0  # a bar would take warnings to the quiet console
        self._bar = live_bar if live and moves else partial(ProgressBar, moves=moves)

    def context(self, **observers: Any) -> RunContext:
        """Return the context of a run that prints its messages."""
        say = partial(self._console.print, markup=False)
        told: dict[str, Any] = {"say": say, "warn": partial(click.echo, err=True) if self._verbosity < 0 else say}
        if self._verbosity > 0:
            told["detail"] = say
        return RunContext(**told, data_dir=self._data_dir, **observers)

    def train(self, directory: RunDirectory, work: Callable[[RunContext], "FinishedRun"]) -> None:
        """Train, and print the figures."""
        resume = f"resume with: nextword train --resume {shlex.quote(str(directory.root))}"
        try:
            loggers = self._loggers(directory.root)
            with self._bar(self._console) as bar:
                context = self.context(observer=bar, reading=bar.on_reading, callbacks=loggers)
                finished = work(context)
                if not Membership.is_follower:
                    export_run(directory, context.detail)
        except TrainingInterrupted as stop:
            click.echo(f"{stop}; {resume}", err=True)
            raise
        except KeyboardInterrupt as stop:  # before the first step, or after the last
            if not directory.is_run:
                raise
            click.echo(f"interrupted; {resume}", err=True)
            raise TrainingInterrupted(signal.SIGINT) from stop
        except BrokenPipeError:
            click.echo(f"training has stopped, since the program that reads its output has ended; {resume}", err=True)
            raise
        except TrainingDivergedError as error:
            raise TrainingDivergedError(f"{error} (run: {directory.root})") from error
        if not Membership.is_follower:
            self._print(directory, finished.metrics, finished.to_table())

    def show_finished(self, directory: RunDirectory) -> None:
        """Print the figures of a run that has reached its end."""
        self._console.print(f"{directory.root} is finished already; nothing is trained", markup=False)
        table = json.loads(directory.metrics_file.read_bytes())
        self._print(directory, read_split_metrics(directory.metrics_file), table)

    def _print(self, directory: RunDirectory, metrics: Sequence[SplitMetrics], table: Mapping[str, Any]) -> None:
        if self._as_json:
            click.echo(json.dumps({"run": str(directory.root), **table}, allow_nan=False))
        elif self._verbosity < 0:
            click.echo(f"{directory.root}: {summary_of(metrics)}")
        else:
            self._console.print(Markdown(figures_table(metrics)))
            for line in _next_steps(directory):
                self._console.print(line, markup=False)


def _next_steps(directory: RunDirectory) -> Iterator[str]:
    """Return where the model is, and the next commands."""
    yield f"\nmodel   {directory.model}"
    if (curves := directory.root / "curves.svg").is_file():
        yield f"curves  {curves}"
    yield "\nnext"
    yield from (f"  {line}" for line in commands_for(directory.root))
