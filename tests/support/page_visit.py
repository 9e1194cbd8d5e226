"""A visit to the page in a browser, in which nothing may fail silently."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE = 30_000
"""Milliseconds to wait for anything; no test may fail because the machine is busy."""


@contextmanager
def visit(
    browser: "Browser",
    address: str,
    tab: str = "",
    *,
    ready: str = "[role=tablist]",
    allowed: Sequence[str] = (),
    **options: Any,
) -> Iterator["Page"]:
    """Open the page. An error on its console or of a script, or a dialog, fails the test.

    Args:
        browser: The browser.
        address: Where the page is.
        tab: The tab to open.
        ready: What is there once the page is drawn.
        allowed: Parts of console messages that are expected.
        options: Options of the browser context.
    """
    errors: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()

    def note(text: str) -> None:
        if not any(part in text for part in allowed):
            errors.append(text)

    page.on("console", lambda message: note(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
    page.goto(f"{address}#{tab}" if tab else address)
    page.wait_for_selector("#page > *" if allowed else ready)
    yield page
    context.close()
    assert not errors, errors


def wait_for(page: "Page", condition: str) -> None:
    """Wait until a JavaScript expression is true. Playwright's own way calls `eval`, which the policy forbids."""
    end = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        page.wait_for_timeout(10)
