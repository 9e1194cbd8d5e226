"""The tab Write: streaming, stopping, continuing."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.page_server import PageRoutes
from support.page_visit import PATIENCE, visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page(chromium: "Browser", page_address: str) -> Iterator["Page"]:
    with visit(chromium, page_address, "write") as page:
        page.get_by_label("Beginning").fill("She was")
        page.get_by_label("Seed").fill("1")
        yield page


def _written(page: "Page") -> str:
    return page.locator(".written").text_content() or ""


def _wait_for_end(page: "Page") -> None:
    page.wait_for_selector(".written[aria-busy=false]")


def _set(page: "Page", label: str, value: str) -> None:
    page.get_by_role("slider", name=label).fill(value)


def test_the_text_is_the_one_that_python_writes(page: "Page", page_routes: PageRoutes) -> None:
    _set(page, "Temperature", "0.9")
    _set(page, "Top-p", "0.9")
    _set(page, "Length", "60")
    page.get_by_role("button", name="Write").press("Enter")
    _wait_for_end(page)
    expected = page_routes.model.generate("She was", max_tokens=60, temperature=0.9, top_p=0.9, seed=1)
    assert _written(page) == expected


def test_continue_writes_on_from_where_it_ended(page: "Page") -> None:
    _set(page, "Length", "20")
    page.get_by_role("button", name="Write").press("Enter")
    _wait_for_end(page)
    first = _written(page)
    page.keyboard.press("Enter")  # the focus is on "Continue"
    wait_for(page, f"document.querySelector('.written').textContent.length > {len(first)}")
    _wait_for_end(page)
    assert _written(page).startswith(first)


def test_stop_ends_the_stream_and_keeps_the_text(page: "Page", page_routes: PageRoutes) -> None:
    page_routes.hold_after, page_routes.client_left = 5, threading.Event()
    page.get_by_role("button", name="Write").press("Enter")
    page.wait_for_selector(".fresh:not(:empty)")
    page.keyboard.press("Enter")  # the focus is on "Stop"
    _wait_for_end(page)
    text = _written(page)
    assert text.startswith("She was")
    assert "Stopped." in (page.locator("#panel-write [role=status]").first.text_content() or "")
    assert page_routes.client_left.wait(PATIENCE / 1000)
    assert _written(page) == text


def test_arrow_keys_move_the_sliders_and_the_preview_follows(page: "Page") -> None:
    page.wait_for_selector("#panel-write .bar-row")
    shares = page.locator("#panel-write .bar-value")
    before = shares.first.text_content()
    page.get_by_role("slider", name="Temperature").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert page.get_by_role("slider", name="Temperature").get_attribute("aria-valuetext") == "0.30"
    assert shares.first.text_content() != before
