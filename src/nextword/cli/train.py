"""`nextword train`: from a text to a model."""

import shlex
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markdown import Markdown

from nextword.bundle.model_card import figures_table
from nextword.cli.options import Tables, data_dir_option, settings_command
from nextword.cli.progress import Console
from nextword.cli.run_options import RUN_SETTINGS, config_option, given_names, preset_option, run_config
from nextword.errors import MissingExtraError, SettingError, TrainingDivergedError
from nextword.models.presets import DEFAULT_PRESET
from nextword.training.context import RunContext
from nextword.training.interruption import TrainingInterrupted
from nextword.training.progress_bar import ProgressBar
from nextword.training.run_directory import RunDirectory

if TYPE_CHECKING:
    from nextword.training.result import FinishedRun


@settings_command(*RUN_SETTINGS)
@click.argument("text", required=False)
@preset_option(DEFAULT_PRESET)
@config_option
@click.option(
    "--run", type=click.Path(path_type=Path, file_okay=False), help="Run directory (default: runs/TEXT-PRESET)."
)
@click.option("--resume", type=click.Path(path_type=Path), help="Resume the run in this directory.")
@click.option("--finish", type=click.Path(path_type=Path), help="End this run here: its best weights become the model.")
@data_dir_option
@click.pass_context
def train(
    context: click.Context,
    /,
    text: str | None,
    run: Path | None,
    resume: Path | None,
    finish: Path | None,
    data_dir: Path | None,
    given: Tables,
    **_preset_and_config: Any,
) -> None:
    """Train a language model on TEXT.

    TEXT is a file, a folder with train, valid and test files, or a sample: austen, ptb, wikitext-2. It takes ten
    minutes, or those given by --minutes: size and dropout of the model are chosen for that time, the text and this
    machine. Every setting of the preset can be overridden by a flag, or by a file given to --config.
    """
    former = resume or finish
    if former is not None:
        alone = "resume" if resume else "finish"
        if others := given_names(context, alone, "data_dir"):
            raise SettingError(
                f"`--{alone}` must stand alone, but `{others[0]}` was given too; a run keeps the settings it began with"
            )
        _watched(former, lambda context: _training().resume_run(former, context, finish=resume is None), data_dir)
        return
    if text is None:
        raise click.UsageError("TEXT must be given: a file, a folder, or a sample such as austen", context)
    if given.get("training", {}).keys() >= {"epochs", "minutes"}:
        raise SettingError("`--epochs` and `--minutes` must not be given together, but are; leave one out")
    settings = run_config(context)
    directory = run or Path("runs") / f"{Path(text).stem or 'text'}-{settings.origin['preset']}"
    _watched(directory, lambda context: _training().start_run(settings, text, directory, context), data_dir)


def _training() -> Any:
    """Return `nextword.training.start`: the door to the training framework, opened when the arguments are sound."""
    try:
        from nextword.training import start
    except ImportError as error:
        raise MissingExtraError.of("training needs Keras and JAX", error.name, "train") from error
    return start


def _watched(directory: Path, work: Callable[[RunContext], "FinishedRun"], data_dir: Path | None) -> None:
    """Train with a progress bar, and say what to do next however it ends."""
    console = Console(highlight=False, soft_wrap=True)
    resume = f"resume with: nextword train --resume {shlex.quote(str(directory))}"
    say = partial(console.print, markup=False)
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
