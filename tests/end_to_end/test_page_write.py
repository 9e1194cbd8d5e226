"""The tab Write: writing, stopping, continuing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.page_visit import visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page(chromium: "Browser", page_address: str) -> Iterator["Page"]:
    with visit(chromium, page_address, "write") as page:
        page.get_by_label("Prompt").fill("She was")
        page.get_by_label("Seed").fill("1")
        yield page


def _written(page: "Page") -> str:
    return page.locator(".written").text_content() or ""


def _wait_for_end(page: "Page") -> None:
    page.wait_for_selector(".written[aria-busy=false]")


def _set(page: "Page", label: str, value: str) -> None:
    page.get_by_role("slider", name=label).fill(value)


def test_the_same_seed_writes_the_same_text(page: "Page") -> None:
    texts = []
    for _ in range(2):
        page.get_by_role("button", name="Write").press("Enter")
        _wait_for_end(page)
        texts.append(_written(page))
    assert texts[0] == texts[1] != "She was"


def test_continue_writes_on_from_where_it_ended(page: "Page") -> None:
    _set(page, "Length", "20")
    page.get_by_role("button", name="Write").press("Enter")
    _wait_for_end(page)
    first = _written(page)
    page.keyboard.press("Enter")  # the focus is on "Continue"
    wait_for(page, f"document.querySelector('.written').textContent.length > {len(first)}")
    _wait_for_end(page)
    assert _written(page).startswith(first)


def test_stop_ends_the_text_and_keeps_it(page: "Page") -> None:
    _set(page, "Length", "400")
    page.get_by_role("button", name="Write").press("Enter")
    page.wait_for_selector(".fresh:not(:empty)", state="attached")
    page.keyboard.press("Enter")  # the focus is on "Stop"
    _wait_for_end(page)
    assert _written(page).startswith("She was")
    assert page.get_by_text("Stopped.", exact=True).is_visible()


def test_arrow_keys_move_the_sliders_and_the_preview_follows(page: "Page") -> None:
    page.wait_for_selector("#panel-write .bar-row")
    shares = page.locator("#panel-write .bar-value")
    before = shares.first.text_content()
    page.get_by_role("slider", name="Temperature").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert page.get_by_role("slider", name="Temperature").get_attribute("aria-valuetext") == "0.30"
    assert shares.first.text_content() != before


def test_an_example_begins_a_text_and_writes_it_on(page: "Page") -> None:
    page.get_by_label("Prompt").fill("")
    _set(page, "Length", "10")
    page.get_by_role("button", name="Try an example").click()
    page.get_by_text("Stopped at the maximum length.", exact=True).wait_for()
    prompt = page.get_by_label("Prompt").input_value()
    assert len(prompt.split()) == 8
    assert _written(page).startswith(prompt)
    assert len(_written(page)) > len(prompt)
