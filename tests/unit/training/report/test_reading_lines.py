"""How the reading of a large text is shown."""

from io import StringIO

import pytest
from rich.console import Console

from nextword.text.reading.progress import ReadingProgress
from nextword.training.report import reading_lines
from nextword.training.report.progress_bar import ProgressBar
from nextword.training.report.reading_lines import ReadingLines

CUTTING = ReadingProgress("cutting the text", 33_554_432, 4_294_967_296)


def console(*, is_terminal: bool, quiet: bool = False) -> tuple[Console, StringIO]:
    written = StringIO()
    return Console(file=written, force_terminal=is_terminal, quiet=quiet, width=200, color_system=None), written


def test_a_line_is_printed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, written = console(is_terminal=False)
    lines = ReadingLines(shown)
    lines.report(CUTTING)
    assert not written.getvalue()  # half a minute has not passed
    monkeypatch.setattr(reading_lines, "_SECONDS", 0.0)
    lines.report(CUTTING)
    lines.report(ReadingProgress("gathering the text", 5_000_000, None))
    assert written.getvalue().splitlines() == ["cutting the text: 33 of 4,294 MB", "gathering the text: 5 MB"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_bar_of_a_training_run_shows_the_reading_before_it(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    monkeypatch.setattr(reading_lines, "_SECONDS", 0.0)
    shown, written = console(is_terminal=is_terminal)
    with ProgressBar(shown) as bar:
        bar.on_reading(CUTTING)
    if is_terminal:
        assert "cutting the text" in written.getvalue()
        assert "33/4294 MB" in written.getvalue()
    else:
        assert written.getvalue() == "cutting the text: 33 of 4,294 MB\n"


def test_a_quiet_console_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_lines, "_SECONDS", 0.0)
    shown, written = console(is_terminal=False, quiet=True)
    with ProgressBar(shown) as bar:
        bar.on_reading(CUTTING)
    assert not written.getvalue()
