"""The rows of a run at the width of a terminal, and its growing curve in a terminal of its own."""

import io
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from rich.console import Console, ConsoleDimensions
from rich.text import Text

from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.report.progress_bar import LiveBar, ProgressBar, live_bar
from support.training_records import PLAN, POINTS, RECORDS

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


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


class Terminal:
    """A pseudo-terminal, and what was written to it."""

    def __init__(self) -> None:
        self._reading, writing = pty.openpty()
        self.file = os.fdopen(writing, "w", encoding="utf-8")
        self.written = ""

    def read(self) -> str:
        """Return what was written since the last call."""
        self.file.flush()
        os.set_blocking(self._reading, False)
        found = b""
        try:
            while part := os.read(self._reading, 1 << 16):
                found += part
        except OSError:  # nothing more
            pass
        self.written += found.decode()
        return found.decode()

    def close(self) -> None:
        self.file.close()
        os.close(self._reading)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@contextmanager
def shown(terminal: Terminal, **environment: str) -> Iterator[ProgressBar]:
    console = Console(file=terminal.file, _environ={"TERM": "xterm-256color", **environment}, highlight=False)
    with live_bar(console) as bar:
        yield bar


def train(bar: ProgressBar, terminal: Terminal) -> None:
    """Do what a run of four rounds does."""
    bar.on_start(PLAN, TrainingProgress())
    for number, record in enumerate(RECORDS, 1):
        for point in POINTS[2 * number - 2 : 2 * number]:
            bar.on_step(point.step, point.train_perplexity, 1000.0)
            bar.on_point(point)
        bar.on_validation()
        bar.on_round(record, PLAN, TrainingProgress(records=tuple(RECORDS[:number]), best_round=number))
        terminal.read()


def test_the_curve_grows_in_a_terminal_and_the_cursor_comes_back(terminal: Terminal) -> None:
    with shown(terminal) as bar:
        assert isinstance(bar, LiveBar)
        train(bar, terminal)
    terminal.read()
    assert "●" in terminal.written
    for record in RECORDS:
        assert f"{record.round:>5}    {record.epoch:.2f}  " in terminal.written
    assert (terminal.written.count(HIDE), terminal.written.count(SHOW)) == (1, 1)
    assert terminal.written.rindex(SHOW) > terminal.written.rindex("perplexity")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_the_cursor_comes_back_after_an_interruption(terminal: Terminal, stop: type[BaseException]) -> None:
    def interrupted() -> None:
        with shown(terminal) as bar:
            bar.on_start(PLAN, TrainingProgress())
            bar.on_point(POINTS[0])
            raise stop

    with pytest.raises(stop):
        interrupted()
    terminal.read()
    assert (terminal.written.count(HIDE), terminal.written.count(SHOW)) == (1, 1)


def test_the_chart_follows_the_size_of_the_terminal(terminal: Terminal) -> None:
    with shown(terminal) as bar:
        assert isinstance(bar, LiveBar)
        train(bar, terminal)
        axes = []
        for columns in (80, 50):
            terminal.read()
            bar._live.console.size = ConsoleDimensions(columns, 24)
            bar._live.refresh()
            axes.append(max(line.count("─") for line in terminal.read().splitlines()))
    assert axes[0] > axes[1] > 30
    assert axes[1] < 50


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colors_or_cursor_gets_plain_lines(terminal: Terminal, environment: dict[str, str]) -> None:
    with shown(terminal, **environment) as bar:
        train(bar, terminal)
    terminal.read()
    assert "\x1b" not in terminal.written
    assert terminal.written.count("round ") == 1
    assert terminal.written.count("\n") == 1 + len(RECORDS)


def test_a_file_gets_plain_lines() -> None:
    file = io.StringIO()
    with live_bar(Console(file=file, _environ={"TERM": "xterm-256color"}, soft_wrap=True, highlight=False)) as bar:
        bar.on_start(PLAN, TrainingProgress())
        bar.on_point(POINTS[0])
        bar.on_round(RECORDS[0], PLAN, TrainingProgress(records=(RECORDS[0],), best_round=1))
    assert file.getvalue().splitlines()[1].startswith("    1    0.50  ")
    assert file.getvalue().count("\n") == 2
