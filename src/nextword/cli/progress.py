"""Where commands print, and how they show that work goes on: a live line, and one that stays for each round."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import rich.console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status

from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress


class Console(rich.console.Console):
    """Rich's console, which leaves a closed pipe to the command instead of ending the process with 1."""

    def on_broken_pipe(self) -> None:
        """Fall silent, and raise the error again; the one that is being handled goes with it."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class ProgressBar:
    """Shows step, words per second, time left, and the perplexity on training and validation text.

    The live line appears on a terminal alone; the lines of the rounds come everywhere.

    Args:
        console: Where to show it; made to leave lines as they are.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._valid = ""
        self._bar = Progress(
            TextColumn("{task.fields[doing]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[perplexities]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", doing="starting", speed="", perplexities="", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Set the bar to where training begins."""
        done = progress.steps
        if done:
            self._console.print(f"going on after round {progress.rounds} of {plan.num_rounds}, step {done:,}")
        self._bar.update(self._task, doing="compiling", total=plan.total_steps, completed=done)

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Move the bar on."""
        self._bar.update(
            self._task,
            doing="training",
            completed=step,
            speed=f"{words_per_second:,.0f} words/s",
            perplexities=f"perplexity: train {train_perplexity:,.1f}{self._valid}",
        )

    def on_validation(self) -> None:
        """Say that validation is under way."""
        self._bar.update(self._task, doing="validating")

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        """Leave a line for the round."""
        self._valid = f", valid {record.valid_perplexity:,.1f}"
        self._bar.update(self._task, completed=record.step, total=plan.total_steps)
        best = "  best so far" if progress.latest_is_best else ""
        self._console.print(
            f"round {record.round:>3}/{plan.num_rounds}  epoch {record.epoch:6.2f}  "
            f"perplexity: train {record.train_perplexity:8,.2f}  valid {record.valid_perplexity:8,.2f}  "
            f"accuracy: train {record.train_accuracy:6.2%}  valid {record.valid_accuracy:6.2%}  "
            f"{record.words_per_second:7,.0f} words/s  {clock(record.seconds)}{best}"
        )


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds, such as `0:01:58`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


@contextmanager
def evaluation_progress(split: str, num_tokens: int) -> Iterator[Callable[[int, int], None]]:
    """Show how far an evaluation has come, on standard error and on a terminal alone."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"evaluating {split}", total=num_tokens)
        yield lambda done, _total: bar.update(task, completed=done)


def waiting(doing: str) -> Status:
    """Return a block's context that shows what is being done, on standard error and on a terminal alone."""
    return Console(stderr=True).status(doing)
