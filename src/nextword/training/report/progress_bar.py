"""A progress bar for a training run, in a terminal or a notebook."""

from importlib.util import find_spec
from typing import Self, override

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nextword.text.reading.progress import ReadingLines, ReadingProgress
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress

_HEADER = "round   epoch  perplexity: train     valid   words/s  elapsed     left"


class ProgressBar(TrainingObserver):
    """Shows the step, words per second, time left, and perplexity on training and validation text.

    The live line appears in a terminal, and in a notebook with ipywidgets. A row for each round appears everywhere.
    Neither is wider than 79 columns.
    """

    def __init__(self, console: Console, *, live: bool = True) -> None:
        self._console = console
        self._has_header = False
        self._lines = ReadingLines(console.print)
        can_change = console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
        self._bar = Progress(
            TextColumn("{task.fields[doing]}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[perplexity]}"),
            console=console,
            transient=True,
            disable=not (live and can_change),
        )
        self._task = self._bar.add_task("", doing="starting", speed="", perplexity="", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def on_reading(self, progress: ReadingProgress) -> None:
        """Show how far the reading of a large text is; where no line can be updated, by a line now and then."""
        if self._bar.disable:
            self._lines.report(progress)
            return
        done, total = progress.megabytes
        self._bar.update(self._task, doing=progress.doing, completed=done, total=total, speed="MB")

    @override
    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        done = progress.steps
        if done:
            self._console.print(f"after round {progress.rounds}, step {done:,} of {plan.total_steps:,}")
        self._bar.update(self._task, doing="compiling", speed="", total=plan.total_steps, completed=done)

    @override
    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        self._bar.update(
            self._task,
            doing="training",
            completed=step,
            speed=f"{words_per_second:,.0f} words/s",
            perplexity=f"train {shown_perplexity(train_perplexity)}",
        )

    @override
    def on_validation(self) -> None:
        self._bar.update(self._task, doing="validating")

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        self._bar.update(self._task, completed=record.step, total=plan.total_steps)
        if not self._has_header:
            self._console.print(_HEADER)
            self._has_header = True
        best = "  best" if progress.latest_is_best else ""
        left = 0.0 if progress.finished else plan.seconds_left(progress.records)
        self._console.print(
            f"{record.round:>5}  {record.epoch:>6.{2 if record.epoch < 1000 else 1}f}  "
            f"{shown_perplexity(record.train_perplexity):>17} {shown_perplexity(record.valid_perplexity):>9} "
            f"{record.words_per_second:>9,.0f} {clock(record.seconds):>8} {clock(left):>8}{best}"
        )


def shown_perplexity(perplexity: float) -> str:
    """Return a perplexity in at most nine characters, such as `1,649.12` or `2.0e+06`."""
    return f"{perplexity:,.2f}" if perplexity < 1e5 else f"{perplexity:.1e}"


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds, such as `0:01:58`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
