"""The chart in a terminal: what it shows, and that it fits."""

import io

import pytest
from rich.console import Console

from nextword.training.report.curve import GrowingCurve
from nextword.training.report.terminal_chart import TerminalChart, chart_lines
from support.training_records import POINTS, RECORDS

CURVE = GrowingCurve.of(RECORDS, POINTS)


def drawn(width: int, height: int, curve: GrowingCurve = CURVE, *, ascii_only: bool = False) -> list[str]:
    return [text.plain for text in chart_lines(curve, width, height, ascii_only=ascii_only)]


def test_a_chart_has_a_legend_rows_with_perplexities_and_epochs() -> None:
    assert drawn(44, 8) == [
        "perplexity  ⠒ train (dropout on) 120  ● valid 130  ",
        "    │     ⠑⢄                                ",
        "    │       ⠑⢄                              ",
        "500 │         ⠑⠤⡀                           ",
        "    │           ⠈⠒⢄⡀                        ",
        "300 │         ●    ⠈⠒⠤⣀                     ",
        "    │                  ⠉⠒⠤⣀⡀                ",
        "150 │                   ●  ⠈⠑⠒⠒⠒⠤⠤⠤⣀⡀       ",
        "    │                             ● ⠈⠉⠒⠒⠒⠢⠤●",
        "    └───────────────────────────────────────",
        "     0 epochs           1                  2",
    ]


@pytest.mark.parametrize("width", [30, 47, 100])
@pytest.mark.parametrize("height", [5, 14])
def test_no_line_is_wider_than_asked(width: int, height: int) -> None:
    lines = drawn(width, height)
    assert len(lines) == height + 3
    assert max(map(len, lines[1:])) <= width


def test_a_loss_that_explodes_is_drawn_too() -> None:
    assert max(map(len, drawn(30, 5, GrowingCurve([(0.0, 10.0), (1.0, 1e30)], [(1.0, 1e25)]))[1:])) <= 30


def test_the_curve_falls_from_the_left_to_the_right() -> None:
    rows = drawn(60, 10, GrowingCurve([(0.0, 1000.0), (1.0, 10.0)], []))[1:11]
    columns = [min(place for place, character in enumerate(row[7:]) if character != " ") for row in rows]
    assert columns == sorted(columns)
    assert columns[0] < 3 < 40 < columns[-1]


def test_without_unicode_the_chart_is_in_ascii() -> None:
    lines = drawn(44, 8, ascii_only=True)
    assert all(line.isascii() for line in lines)
    assert "*" in "".join(lines)
    assert "o" in "".join(lines[1:9])


@pytest.mark.parametrize(("size", "shown"), [((80, 24), True), ((30, 11), True), ((29, 24), False), ((80, 10), False)])
def test_a_terminal_that_is_too_small_shows_no_chart(size: tuple[int, int], shown: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=size[0], height=size[1], _environ={})
    with console.capture() as capture:
        console.print(TerminalChart(CURVE))
    assert ("perplexity" in capture.get()) == shown


def test_nothing_is_shown_before_the_first_point() -> None:
    console = Console(file=io.StringIO(), width=80, height=24)
    with console.capture() as capture:
        console.print(TerminalChart(GrowingCurve()))
    assert capture.get().strip() == ""
