"""The progress of a run in a notebook, without one: what is shown, and how often."""

import sys
from types import ModuleType
from typing import Any

import pytest

from nextword.training.progress import TrainingProgress
from nextword.training.report.notebook_display import NotebookDisplay, in_notebook
from support.training_records import PLAN, POINTS, RECORDS


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
