"""The progress of a training run: a bar in a terminal, and a bar with a growing curve in a notebook."""

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Self, override

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nextword.display.table import Markup, html_bar, html_stack, html_table
from nextword.system.progress import ReadingLines, ReadingProgress
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress
from nextword.training.report.history import GrowingCurve, curve_picture

_HEADER = "round   epoch  perplexity: train     valid   words/s  elapsed     left"
_SECONDS_BETWEEN_UPDATES = 1.0


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


def in_notebook() -> bool:
    """Return whether this program runs in the kernel of a notebook. IPython is not imported for that."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


class NotebookDisplay(TrainingObserver):
    """Shows step, time, words per second and perplexity of a run, and its curve, in the output of a notebook's cell.

    It is drawn again in place, at most once a second during the steps, and after every round.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._curve = GrowingCurve()
        self._handle: Any = None
        self._latest: RoundRecord | None = None
        self._best = ""
        self._step, self._total, self._speed, self._doing = 0, 0, 0.0, "starting"
        self._began = self._not_before = 0.0

    def __enter__(self) -> Self:
        from IPython import display

        show: Any = display.display
        self._began = self._clock()
        self._handle = show(self, display_id=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._doing = "trained" if error[0] is None else "stopped"
        self._update()

    def _repr_html_(self) -> str:
        return html_stack(self._bar(), curve_picture(self._curve))

    def __repr__(self) -> str:
        return f"{self._doing}: step {self._step:,} of {self._total:,}"

    @override
    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        self._curve.start(plan, progress)
        self._step, self._total, self._doing = progress.steps, plan.total_steps, "compiling"
        self._update()

    @override
    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        self._step, self._speed, self._doing = step, words_per_second, "training"
        if self._clock() >= self._not_before:
            self._update()

    @override
    def on_point(self, point: TrainingPoint) -> None:
        self._curve.add_point(point)

    @override
    def on_validation(self) -> None:
        self._doing = "validating"
        self._update()

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        self._curve.add_round(record, plan)
        self._step, self._total, self._latest, self._doing = record.step, plan.total_steps, record, "training"
        self._best = f"{progress.best_perplexity:,.2f}"
        self._update()

    def _update(self) -> None:
        self._handle.update(self)
        self._not_before = self._clock() + _SECONDS_BETWEEN_UPDATES

    def _bar(self) -> Markup:
        figures = {"step": f"{self._step:,} of {self._total:,}", "time": clock(self._clock() - self._began)}
        if self._speed:
            figures["words/s"] = f"{self._speed:,.0f}"
        if self._latest is not None:
            figures["valid perplexity"] = f"{self._latest.valid_perplexity:,.2f}"
            figures["best"] = self._best
            figures["valid accuracy"] = f"{self._latest.valid_accuracy:.2%}"
        bar = html_bar(self._step / max(1, self._total))
        return html_table(["", "", *figures], [[self._doing, bar, *figures.values()]], left=2)
