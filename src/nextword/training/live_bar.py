"""A progress bar with the growing curve of the run above it, in a terminal."""

from typing import Self, override

from rich.console import Console, Group
from rich.live import Live

from nextword.training.growing_curve import GrowingCurve
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress
from nextword.training.progress_bar import ProgressBar
from nextword.training.terminal_chart import TerminalChart

_REFRESHES_PER_SECOND = 4


class LiveBar(ProgressBar):
    """Shows what `ProgressBar` shows, and the training and validation perplexity as a chart that grows.

    The lines of the rounds scroll above the chart. The last chart stays in the terminal.

    Args:
        console: A console in a terminal; see `live_bar`.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._curve = GrowingCurve()
        self._chart = TerminalChart(self._curve)
        self._live = Live(Group(self._chart, self._bar), console=console, refresh_per_second=_REFRESHES_PER_SECOND)

    @override
    def __enter__(self) -> Self:
        self._live.start()
        return self

    @override
    def __exit__(self, *_error: object) -> None:
        self._live.update(self._chart)
        self._live.stop()

    @override
    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Show the curve of a resumed run."""
        super().on_start(plan, progress)
        self._curve.start(plan, progress)

    @override
    def on_point(self, point: TrainingPoint) -> None:
        """Extend the curve."""
        self._curve.add_point(point)

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        """Print a row for the round, and mark its validation."""
        super().on_round(record, plan, progress)
        self._curve.add_round(record, plan)


def live_bar(console: Console) -> ProgressBar:
    """Return a display with a growing curve; without a terminal that can show it, one that prints plain lines."""
    if console.is_terminal and not console.is_dumb_terminal and not console.no_color:
        return LiveBar(console)
    return ProgressBar(console, moves=False)
