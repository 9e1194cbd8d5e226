"""`nextword train`: from a text to a model."""

import json
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markdown import Markdown

from nextword.bundle.model_card import SplitMetrics, figures_table, summary_of
from nextword.bundle.run_directory import RunDirectory, read_split_metrics
from nextword.cli.info import commands_for
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
    runs_folder,
)
from nextword.cli.options.setting_option import JsonOptions, Tables, argument, data_dir_option, option
from nextword.cli.options.target import complete_directory
from nextword.cli.output.console import Console
from nextword.cli.output.messages import detail, error_text, invocation, say, warn
from nextword.errors import SettingError, TrainingDivergedError, TrainingInterrupted
from nextword.export.options import export_run
from nextword.model.presets import DEFAULT_PRESET
from nextword.text.sources.names import run_name
from nextword.training import distributed, require_framework
from nextword.training.base import base_of
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.report.progress_display import ProgressBar
from nextword.training.start import Run

if TYPE_CHECKING:
    from nextword.training.report.tensorboard_logger import TensorBoardLogger


_SHORT = ("base", "epochs", "minutes", "seed", "tokenizer", "hidden_sizes", "dropout", "learning_rate", "batch_size")
"""The settings that the short help shows."""


@dataclass(frozen=True, kw_only=True)
class _TrainOptions(JsonOptions):
    text: str | None = argument(None, complete=complete_text)
    preset: str = preset_option(DEFAULT_PRESET)
    config: Path | None = config_option()
    run: Path | None = option(None, help="Run directory.", type=DIRECTORY, unset="runs/TEXT-PRESET")
    resume: Path | None = option(
        None, help="Resume this run.", metavar="RUN", unset="start a new run", complete=complete_directory
    )
    finish: Path | None = option(
        None, help="End this run now, with its best weights.", metavar="RUN", complete=complete_directory, is_rare=True
    )
    tensorboard: Path | None = option(
        None, help="Log the run for TensorBoard in DIR/RUN.", type=DIRECTORY, unset="no log", is_rare=True
    )
    dry_run: bool = option(False, help="Show size, steps, memory and time of the run. Do not train.")
    data_dir: Path | None = data_dir_option()


@command(
    _TrainOptions,
    *RUN_SETTINGS,
    short=_SHORT,
    defaults=preset_defaults,
    examples=[
        "nextword train my-text.txt",
        "nextword train austen --minutes 2 --run runs/demo",
        "nextword train austen --preset quick --epochs 1 --dry-run",
    ],
)
def train(options: _TrainOptions, given: Tables) -> None:
    """Train a language model on a text.

    TEXT is a file (plain, JSON Lines, CSV, Parquet; packed or not), a pattern such as 'mail/*.txt', an address, a
    folder, or a sample: austen, ptb, wikitext-2. By default, training takes ten minutes, and the size of the model fits
    this time, the text and this machine. Defaults come from --preset.
    """
    began, text = time.monotonic(), options.text
    watched = _Watched(options)
    former = options.resume or options.finish
    if former is not None:
        _continue(former, options, watched)
        return
    if text is None:
        raise click.UsageError(
            "TEXT must be given: a file, a folder, or a sample such as austen", click.get_current_context()
        )
    settings = run_config(given)
    directory = options.run or runs_folder() / f"{run_name(text)}-{settings.origin['preset']}"
    if options.dry_run:
        _show_forecast(text, settings, directory, options)
        return
    watched.train(RunDirectory(directory), partial(Run.begin, settings, text, directory, began=began))


def _continue(root: Path, options: _TrainOptions, watched: "_Watched") -> None:
    alone = "resume" if options.resume else "finish"
    if others := given_names(alone, "data_dir", "as_json", "tensorboard"):
        raise SettingError(
            f"`--{alone}` must stand alone, but `{others[0]}` was given too; a run keeps the settings it began with"
        )
    own = RunDirectory(root)
    RunConfig.of_run(own)
    if own.is_finished:
        watched.show_finished(own)
        return
    watched.train(own, partial(Run.open, root), to_end=options.resume is not None)


def _show_forecast(text: str, settings: RunConfig, directory: Path, options: _TrainOptions) -> None:
    context = RunContext(say=say, detail=detail, warn=warn, data_dir=options.data_dir)
    own = RunDirectory(directory)
    own.require_free()
    own.require_writable()
    settled, base = base_of(settings)
    corpus = context.read_corpus(text, settled.text, base=base.bundle.tokenizer if base else None)
    require_framework()
    from nextword.training.planning.forecast import forecast_run

    forecast = forecast_run(settings, corpus, directory, context)
    lines = [json.dumps(forecast.to_table(), allow_nan=False)] if options.as_json else forecast.describe(is_dry=True)
    click.echo("\n".join(lines))


def _loggers(options: _TrainOptions, directory: Path) -> list["TensorBoardLogger"]:
    if options.tensorboard is None:
        return []
    require_framework()
    from nextword.training.report.tensorboard_logger import TensorBoardLogger

    return [TensorBoardLogger(options.tensorboard / directory.absolute().name)]


def _how_to_resume(directory: RunDirectory) -> str:
    return f"resume with: nextword train --resume {shlex.quote(str(directory.root))}"


class _Watched:
    """Trains with a progress bar, and prints what to do next however it ends; with `--json`, on standard error."""

    def __init__(self, options: _TrainOptions) -> None:
        form: dict[str, Any] = {"highlight": False, "soft_wrap": True}
        self._verbosity = invocation().verbosity
        self._console = Console(**form, stderr=options.as_json, quiet=self._verbosity < 0)
        self._options = options

    def _bar(self) -> ProgressBar:
        # To the quiet console a bar would take warnings too; of several processes, one shows its bar.
        return ProgressBar(self._console, live=self._verbosity >= 0 and not distributed.process_id())

    def context(self, **observers: Any) -> RunContext:
        say = partial(self._console.print, markup=False)
        shown = partial(click.echo, err=True) if self._verbosity < 0 else say

        def warn(message: str) -> None:
            shown(click.unstyle(error_text(message, kind="warning")))

        messages: dict[str, Any] = {"say": say, "warn": warn, **({"detail": say} if self._verbosity > 0 else {})}
        return RunContext(**messages, data_dir=self._options.data_dir, **observers)

    def train(
        self,
        directory: RunDirectory,
        opened: Callable[[RunContext], AbstractContextManager[Run]],
        *,
        to_end: bool = True,
    ) -> None:
        try:
            loggers = _loggers(self._options, directory.root)
            with distributed.together(), self._bar() as bar:
                context = self.context(observer=bar, reading=bar.on_reading, callbacks=loggers)
                with opened(context) as run:
                    if to_end:
                        run.train()
                    finished = run.finish()
                if not distributed.process_id():
                    export_run(directory, context.detail)
        except TrainingInterrupted as stop:
            click.echo(f"{stop}; {_how_to_resume(directory)}", err=True)
            raise
        except KeyboardInterrupt as stop:  # before the first step, or after the last
            if not directory.is_run:
                raise
            click.echo(f"interrupted; {_how_to_resume(directory)}", err=True)
            raise TrainingInterrupted(signal.SIGINT) from stop
        except BrokenPipeError:
            stopped = "training has stopped, since the program that reads its output has ended"
            click.echo(f"{stopped}; {_how_to_resume(directory)}", err=True)
            raise
        except TrainingDivergedError as error:
            raise TrainingDivergedError(f"{error} (run: {directory.root})") from error
        if not distributed.process_id():
            self._print(directory, finished.metrics, finished.to_table())

    def show_finished(self, directory: RunDirectory) -> None:
        self._console.print(f"{directory.root} is finished already; nothing is trained", markup=False)
        table = json.loads(directory.metrics_file.read_bytes())
        self._print(directory, read_split_metrics(directory.metrics_file), table)

    def _print(self, directory: RunDirectory, metrics: Sequence[SplitMetrics], table: Mapping[str, Any]) -> None:
        if self._options.as_json:
            click.echo(json.dumps({"run": str(directory.root), **table}, allow_nan=False))
        elif self._verbosity < 0:
            click.echo(f"{directory.root}: {summary_of(metrics)}")
        else:
            self._console.print(Markdown(figures_table(metrics)))
            for line in _next_steps(directory):
                self._console.print(line, markup=False)


def _next_steps(directory: RunDirectory) -> Iterator[str]:
    yield f"\nmodel   {directory.model}"
    if (curves := directory.root / "curves.svg").is_file():
        yield f"curves  {curves}"
    yield "\nnext"
    yield from (f"  {line}" for line in commands_for(directory.root))
