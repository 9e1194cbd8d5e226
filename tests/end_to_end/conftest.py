"""Whole training runs through the command line, most of them in their own processes."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import nextword
from nextword.api.trained_model import TrainedModel
from nextword.bundle.origin import sample_model_path
from support.browser import headless_chromium
from support.command_line import CommandLine, Reference
from support.started_service import started_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    folder = tmp_path_factory.mktemp("end_to_end")
    chosen = random.Random(0)
    text = folder / "story.txt"
    words = [first + second for first in ("ba", "do", "ki", "lu", "me") for second in ("n", "r", "s", "t", "p", "f")]
    text.write_text("".join(" ".join(chosen.choices(words, k=12)) + " .\n" for _ in range(400)), encoding="utf-8")
    return CommandLine(folder, text)


@pytest.fixture(autouse=True)
def _commands_end(command_line: CommandLine) -> Iterator[None]:
    """Let no command outlive a test, even if the test fails while one runs."""
    yield
    command_line.end()


@pytest.fixture(scope="session")
def finished_run(command_line: CommandLine) -> Path:
    """The directory of an uninterrupted run."""
    run = command_line.folder / "reference"
    command_line.train(run)
    return run


@pytest.fixture(scope="session")
def reference(command_line: CommandLine, finished_run: Path) -> Reference:
    """Two uninterrupted runs: one that compiles everything, and one that is timed."""
    timed = command_line.folder / "timed"
    began = time.monotonic()
    command_line.train(timed)
    seconds = time.monotonic() - began
    weights = command_line.weights_of(finished_run)
    assert command_line.weights_of(timed) == weights
    return Reference(weights, command_line.rounds_of(finished_run), seconds)


@pytest.fixture(scope="module")  # while Playwright runs, no other test could start an event loop
def chromium() -> Iterator["Browser"]:
    """A headless browser."""
    with headless_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def austen() -> TrainedModel:
    """The sample model."""
    return nextword.load("austen")


@pytest.fixture(scope="session")
def page_address() -> Iterator[str]:
    """Where the service shows the page of the sample model."""
    with started_service(sample_model_path("austen")) as address:
        yield address
