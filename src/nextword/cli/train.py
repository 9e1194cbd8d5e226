"""`nextword train`: from a text to a model."""

import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markdown import Markdown

from nextword.architecture import ModelOptions
from nextword.batching.options import BatchOptions
from nextword.bundle.model_card import figures_table
from nextword.cli.console import Console
from nextword.cli.options import SettingsCommand, given_tables, settings_options
from nextword.cli.progress import ProgressBar
from nextword.errors import MissingExtraError, SettingError, TrainingDivergedError
from nextword.models.presets import preset_names
from nextword.text.options import TextOptions
from nextword.training.config import RunConfig, preset_below, read_tables
from nextword.training.context import RunContext
from nextword.training.interruption import TrainingInterrupted
from nextword.training.options import TrainingOptions
from nextword.training.run_directory import RunDirectory

if TYPE_CHECKING:
    from nextword.training.result import FinishedRun

_KINDS = (TextOptions, BatchOptions, ModelOptions, TrainingOptions)


@settings_options(_KINDS)
@click.command(cls=SettingsCommand)
@click.argument("text", required=False)
@click.option("--preset", default="auto", show_default=True, help=f"Where settings begin: {', '.join(preset_names())}.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="TOML file of settings that override the preset.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run directory (default: runs/TEXT-PRESET).",
)
@click.option("--resume", type=click.Path(path_type=Path), help="Resume the run in this directory.")
@click.option("--finish", type=click.Path(path_type=Path), help="End this run here: its best weights become the model.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of sample corpora; else NEXTWORD_DATA.")
@click.pass_context
def train(
    context: click.Context,
    /,
    text: str | None,
    preset: str,
    config: Path | None,
    run: Path | None,
    resume: Path | None,
    finish: Path | None,
    data_dir: Path | None,
    **_settings: Any,
) -> None:
    """Train a language model on TEXT.

    TEXT is a file, a folder with train, valid and test files, or a sample: austen, ptb, wikitext-2. It takes ten
    minutes, or those given by --minutes: size and dropout of the model are chosen for that time, the text and this
    machine. Every setting of the preset can be overridden by a flag, or by a file given to --config.
    """
    former = resume or finish
    if former is not None:
        _refuse_other_arguments(context, "resume" if resume else "finish")
        ending = resume is None
        _watched(former, lambda context: _training().resume_run(former, context, finish=ending), data_dir)
        return
    if text is None:
        raise click.UsageError("TEXT must be given: a file, a folder, or a sample such as austen", context)
    tables, given = [read_tables(config)] if config else [], given_tables(context)
    if given.get("training", {}).keys() >= {"epochs", "minutes"}:
        raise SettingError("`--epochs` and `--minutes` must not be given together, but are; leave one out")
    if tables and context.get_parameter_source("preset") is click.core.ParameterSource.DEFAULT:
        preset = preset_below(tables[0]) or preset
    origin = {"command": shlex.join(["nextword", *context.obj])}
    settings = RunConfig.of(preset, *tables, given, origin=origin)
    directory = run or Path("runs") / f"{Path(text).stem or 'text'}-{preset}"
    _watched(directory, lambda context: _training().start_run(settings, text, directory, context), data_dir)


def _training() -> Any:
    """Return `nextword.training.start`: the door to the training framework, opened when the arguments are sound."""
    try:
        from nextword.training import start
    except ImportError as error:
        raise MissingExtraError(
            f"training needs Keras and JAX, but `{error.name}` is missing; install `nextword[train]`"
        ) from error
    return start


def _watched(directory: Path, work: Callable[[RunContext], "FinishedRun"], data_dir: Path | None) -> None:
    """Train with a progress bar, and say what to do next however it ends."""
    console = Console(highlight=False, soft_wrap=True)
    resume = f"resume with: nextword train --resume {shlex.quote(str(directory))}"

    def say(text: str) -> None:
        console.print(text, markup=False)

    try:
        with ProgressBar(console) as bar:
            finished = work(RunContext(observer=bar, say=say, warn=say, data_dir=data_dir))
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
    console.print(Markdown(figures_table(finished.metrics)))
    curves = directory / "curves.png"
    drawn = f"\ncurves: {curves}" if curves.is_file() else ""
    console.print(f"\nmodel:  {directory / 'model'}{drawn}", markup=False)


def _refuse_other_arguments(context: click.Context, alone: str) -> None:
    allowed = {alone, "data_dir"}
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in allowed and source is click.core.ParameterSource.COMMANDLINE:
            given = name.removeprefix("setting_").replace("_", "-")
            raise SettingError(
                f"`--{alone}` must stand alone, but `{given}` was given too; a run keeps the settings it began with"
            )
