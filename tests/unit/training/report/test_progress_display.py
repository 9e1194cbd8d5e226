"""The rows of a run at the width of a terminal, and what a notebook shows, and how often."""

import io
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.report.progress_display import NotebookDisplay, ProgressBar, in_notebook
from support.training_records import PLAN, POINTS, RECORDS


def test_a_header_comes_once_and_a_row_for_each_round_with_the_time_left() -> None:
    file = io.StringIO()
    with ProgressBar(Console(file=file, soft_wrap=True, highlight=False)) as bar:
        for number, record in enumerate(RECORDS, 1):
            best = 1 if number == 2 else number
            progress = TrainingProgress(tuple(RECORDS[:number]), best_round=best, finished=number == len(RECORDS))
            bar.on_round(record, PLAN, progress)
    header, *rows = file.getvalue().splitlines()
    assert header.split() == ["round", "epoch", "perplexity:", "train", "valid", "words/s", "elapsed", "left"]
    assert [row.split()[0] for row in rows] == [str(record.round) for record in RECORDS]
    assert [row.endswith("  best") for row in rows] == [number != 2 for number in range(1, len(RECORDS) + 1)]
    assert rows[-1].removesuffix("  best").endswith("0:00:00")
    for name, width in (("train", 5), ("valid", 5), ("words/s", 7), ("elapsed", 7), ("left", 4)):
        end = header.index(name) + width
        assert all(row[end - 1] != " " and row[end : end + 1] in (" ", "") for row in rows), name


def test_large_numbers_stay_below_eighty_columns() -> None:
    file = io.StringIO()
    large = replace(
        RECORDS[0],
        round=99_999,
        epoch=12_345.678,
        train_perplexity=7.9e12,
        valid_perplexity=99_999.994,
        words_per_second=9_999_999.0,
        seconds=359_999.0,
        step_seconds=3_000.0,
    )
    console = Console(file=file, force_terminal=True, width=80, highlight=False)
    with ProgressBar(console) as bar:
        bar.on_start(Plan(100_000, 2000, (10_000_000,)), TrainingProgress())
        bar.on_step(1_234_567, 12_345.6, 1_234_567.0)
        bar._bar.refresh()
        bar.on_round(large, Plan(20, 10, (40,)), TrainingProgress((large,), best_round=1))
    written = [Text.from_ansi(line).plain for line in file.getvalue().splitlines()]
    assert all(len(line.rstrip()) < 80 for line in written)
    assert sum("99,999.99" in line and line.rstrip().endswith("best") for line in written) == 1


class Handle:
    """The output of a cell; each update is kept."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, display: NotebookDisplay) -> None:
        self.shown.append(display._repr_html_())


class Notebook:
    now = 0.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handle = Handle()
        package, module = ModuleType("IPython"), ModuleType("IPython.display")
        module.display = lambda _shown, **_options: self.handle  # type: ignore[attr-defined]
        package.display = module  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython", package)

    def display(self) -> NotebookDisplay:
        return NotebookDisplay(clock=lambda: self.now)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return Notebook(monkeypatch)


def test_the_curve_grows_with_points_and_rounds(notebook: Notebook) -> None:
    with notebook.display() as display:
        display.on_start(PLAN, TrainingProgress())
        assert "<svg" not in notebook.handle.shown[-1]
        for number, record in enumerate(RECORDS, 1):
            for point in POINTS[2 * number - 2 : 2 * number]:
                notebook.now += 2.0
                display.on_point(point)
                display.on_step(point.step, point.train_perplexity, 1234.0)
            display.on_validation()
            display.on_round(record, PLAN, TrainingProgress(records=tuple(RECORDS[:number]), best_round=number))
    shown = notebook.handle.shown
    assert [html.count("<circle") for html in shown if "validating" in html] == [0, 2, 3, 4]  # the best one twice
    assert shown[-1].count("<circle") == 5
    assert "trained" in shown[-1]
    assert "1,234" in shown[-1]
    assert "40 of 40" in shown[-1]
    assert "130.00" in shown[-1]


def test_steps_are_shown_at_most_once_a_second(notebook: Notebook) -> None:
    with notebook.display() as display:
        display.on_start(PLAN, TrainingProgress())
        before = len(notebook.handle.shown)
        for step in range(100):
            notebook.now += 0.25
            display.on_step(step, 100.0, 1000.0)
        assert len(notebook.handle.shown) - before == 25


def test_a_resumed_run_shows_the_curve_so_far(notebook: Notebook) -> None:
    with notebook.display() as display:
        display.on_start(PLAN, TrainingProgress(records=tuple(RECORDS[:2]), points=tuple(POINTS[:4])))
    assert notebook.handle.shown[0].count("<circle") == 3


def test_an_interrupted_run_says_so(notebook: Notebook) -> None:
    with pytest.raises(KeyboardInterrupt), notebook.display():
        raise KeyboardInterrupt
    assert "stopped" in notebook.handle.shown[-1]


@pytest.mark.parametrize(
    ("shell", "found"), [(None, False), (object(), False), (type("Shell", (), {"kernel": 1}), True)]
)
def test_a_notebook_is_a_shell_with_a_kernel(monkeypatch: pytest.MonkeyPatch, shell: Any, found: bool) -> None:
    module = ModuleType("IPython")
    module.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    assert in_notebook() is found


def test_without_ipython_there_is_no_notebook_and_it_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert "IPython" not in sys.modules
