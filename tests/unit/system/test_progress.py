"""News of how far the reading of a text is."""

import gzip
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from nextword.system import progress
from nextword.system.progress import ReadingLines, ReadingProgress, Task, reported, reporting_to
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from nextword.training.report.progress_display import ProgressBar

LINES = "".join(f"It is a truth number {number} universally acknowledged.\n" for number in range(2000))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_each_task_of_a_packed_text_is_reported_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(LINES.encode("utf-8")))
    seen: list[ReadingProgress] = []
    with reporting_to(seen.append):
        corpus = Corpus.load(path, TextOptions().replace(tokenizer="word"), cache_dir=tmp_path / "cache")
    tasks = list(dict.fromkeys(news.doing for news in seen))
    assert set(tasks) == {
        "checking the text",
        "gathering the text",
        "cutting the text",
        "counting the words",
        "storing the ids",
    }
    train, valid, test = (corpus.split(split).report.read.num_bytes for split in ("train", "valid", "test"))
    last = {(news.doing, news.total): news.done for news in seen}
    assert last["gathering the text", None] == len(LINES)
    assert [last["cutting the text", size] for size in (train, valid, test)] == [train, valid, test]


def test_what_is_quick_is_not_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 3600.0)
    seen: list[ReadingProgress] = []
    with reporting_to(seen.append):
        assert list(reported([b"one", b"two"], "reading", 6)) == [b"one", b"two"]
    assert not seen


@pytest.mark.usefixtures("at_once")
def test_nothing_is_reported_after_the_block_and_tasks_know_the_receiver_they_began_with() -> None:
    inner: list[ReadingProgress] = []
    outer: list[ReadingProgress] = []
    with reporting_to(outer.append):
        task = Task("reading", 10)
        with reporting_to(inner.append):
            task.advance(4)
            Task("another", None).advance(1)
    Task("too late", 1).advance(1)
    assert outer == [("reading", 4, 10)]
    assert inner == [("another", 1, None)]


@pytest.mark.usefixtures("at_once")
def test_a_receiver_that_raises_stops_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(LINES, encoding="utf-8")

    def stop(_: ReadingProgress) -> None:
        raise KeyboardInterrupt

    with reporting_to(stop), pytest.raises(KeyboardInterrupt):
        Corpus.load(path, cache_dir=tmp_path / "cache")


CUTTING = ReadingProgress("cutting the text", 33_554_432, 4_294_967_296)


def console(*, is_terminal: bool, quiet: bool = False) -> tuple[Console, StringIO]:
    written = StringIO()
    return Console(file=written, force_terminal=is_terminal, quiet=quiet, width=200, color_system=None), written


def test_a_line_is_printed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, written = console(is_terminal=False)
    lines = ReadingLines(shown.print)
    lines.report(CUTTING)
    assert not written.getvalue()  # half a minute has not passed
    lines.report(ReadingProgress("waiting for another process", 0, 0))
    monkeypatch.setattr(progress, "_SECONDS_OF_A_LINE", 0.0)
    lines.report(CUTTING)
    lines.report(ReadingProgress("gathering the text", 5_000_000, None))
    *waiting, line, other = written.getvalue().splitlines()
    assert waiting == ["waiting for another process"]
    assert [line, other] == ["cutting the text: 33 of 4,294 MB", "gathering the text: 5 MB"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_bar_of_a_training_run_shows_the_reading_before_it(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    monkeypatch.setattr(progress, "_SECONDS_OF_A_LINE", 0.0)
    shown, written = console(is_terminal=is_terminal)
    with ProgressBar(shown) as bar:
        bar.on_reading(CUTTING)
    if is_terminal:
        assert "cutting the text" in written.getvalue()
        assert "33/4294 MB" in written.getvalue()
    else:
        assert written.getvalue() == "cutting the text: 33 of 4,294 MB\n"


def test_a_quiet_console_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS_OF_A_LINE", 0.0)
    shown, written = console(is_terminal=False, quiet=True)
    with ProgressBar(shown) as bar:
        bar.on_reading(CUTTING)
    assert not written.getvalue()
