"""A progress bar for a training run, in a terminal or a notebook."""

from importlib.util import find_spec
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nextword.text.progress import ReadingProgress
from nextword.training.context import SilentObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.reading_lines import ReadingLines, megabytes

_HEADER = "round   epoch  perplexity: train     valid   words/s  elapsed     left"


class ProgressBar(SilentObserver):
    """Shows the step, words per second, time left, and perplexity on training and validation text.

    The live line appears in a terminal, and in a notebook with ipywidgets. A row for each round appears everywhere.
    Neither is wider than 79 columns.

    Args:
        console: Where to show it. It must leave lines as they are.
        moves: Whether to show the live line where one can be shown.
    """

    def __init__(self, console: Console, *, moves: bool = True) -> None:
        self._console = console
        self._has_header = False
        self._lines = ReadingLines(console)
        self._bar = Progress(
            TextColumn("{task.fields[doing]}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[perplexity]}"),
            console=console,
            transient=True,
            disable=not moves or not (console.is_terminal or _is_live_notebook(console)),
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
        done, total = megabytes(progress)
        self._bar.update(self._task, doing=progress.doing, completed=done, total=total, speed="MB")

    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Set the bar to the first step."""
        done = progress.steps
        if done:
            self._console.print(f"resuming after round {progress.rounds}, step {done:,} of {plan.total_steps:,}")
        self._bar.update(self._task, doing="compiling", speed="", total=plan.total_steps, completed=done)

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Advance the bar."""
        self._bar.update(
            self._task,
            doing="training",
            completed=step,
            speed=f"{words_per_second:,.0f} words/s",
            perplexity=f"train {shown_perplexity(train_perplexity)}",
        )

    def on_validation(self) -> None:
        """Show that validation has begun."""
        self._bar.update(self._task, doing="validating")

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        """Print a row for the round, and a header above the first."""
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


def _is_live_notebook(console: Console) -> bool:
    """Return whether rich can update a line in this notebook."""
    return console.is_jupyter and find_spec("ipywidgets") is not None
