"""The progress of a training run in a notebook: a bar and a curve that grow in place."""

import sys
import time
from collections.abc import Callable
from typing import Any, Self, override

from nextword.display.table import Markup, html_bar, html_stack, html_table
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress
from nextword.training.report.curve import GrowingCurve, curve_picture
from nextword.training.report.progress_bar import clock

_SECONDS_BETWEEN_UPDATES = 1.0


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
