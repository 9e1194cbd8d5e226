from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin import find_model
from nextword.bundle.store import read_bundle
from nextword.display.page.packed_model import pack_model
from support.browser import headless_chromium
from support.page_scripts import Scripts, page_scripts

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")  # while Playwright runs, no other test could start an event loop
def browser() -> Iterator["Browser"]:
    """A headless Chromium."""
    with headless_chromium() as started:
        yield started


@pytest.fixture(scope="session")
def scripts() -> Iterator[Scripts]:
    """The modules of the page that compute."""
    with page_scripts() as started:
        yield started


@pytest.fixture(scope="session")
def austen() -> Bundle:
    """The sample model."""
    return read_bundle(find_model("austen"))


@pytest.fixture(scope="session")
def packed_austen(austen: Bundle) -> bytes:
    """The sample model for the page."""
    return pack_model(austen)
