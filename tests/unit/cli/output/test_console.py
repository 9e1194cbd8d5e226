"""Consoles, and the progress of a command on standard error."""

from io import StringIO

import pytest

from nextword.cli.output import console
from nextword.cli.output.console import Console, reading_progress
from nextword.system import progress as text_progress
from nextword.system.progress import reported
from support.commands import Captured

BLOCKS = [bytes(10**6)] * 3


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_progress, "_SECONDS", 0.0)
    monkeypatch.setattr(text_progress, "_SECONDS_OF_A_LINE", 0.0)


def test_a_log_gets_lines(capsys: Captured) -> None:
    with reading_progress():
        assert list(reported(BLOCKS, "cutting the text", 3 * 10**6)) == BLOCKS
    assert capsys.readouterr().err.splitlines() == [f"cutting the text: {done} of 3 MB" for done in (1, 2, 3)]


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    written = StringIO()
    monkeypatch.setattr(console, "message_console", lambda: Console(file=written, force_terminal=True, width=100))
    with reading_progress():
        assert not written.getvalue()  # nothing moves before there is news
        list(reported(BLOCKS, "gathering the text", None))
    assert "gathering the text, 3 MB" in written.getvalue()
    assert written.getvalue().endswith("\x1b[2K")


def fail() -> None:
    list(reported(BLOCKS, "cutting the text", None))
    raise KeyError("lost")


def test_a_failure_within_is_passed_on() -> None:
    with pytest.raises(KeyError, match="lost"), reading_progress():
        fail()
