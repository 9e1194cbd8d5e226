"""What the address of the page asks for: a text, a unit, a view, a scheme, a frame."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.page_visit import visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_HOSTILE = "<img src=x onerror=alert(1)></textarea><script>alert(2)</script>"
_TABS = ("type", "read", "write", "inside")


@pytest.mark.parametrize("tab", _TABS)
def test_the_text_of_the_address_fills_the_field_of_the_tab_and_is_never_markup(
    chromium: "Browser", page_address: str, tab: str
) -> None:
    with visit(chromium, f"{page_address}?text={quote(_HOSTILE)}", tab) as page:
        field = page.get_by_role("tabpanel").locator("textarea").first
        assert field.input_value() == _HOSTILE
        if tab == "inside":
            page.wait_for_selector(".chart-word")
        assert page.locator("#page :is(img, script)").count() == 0
        assert page.evaluate("location.search") == f"?text={quote(_HOSTILE)}"


def test_a_text_that_is_too_long_is_cut_as_a_paste_is(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, f"{page_address}?text={'very+' * 300}", "inside") as page:
        page.get_by_text("Only the first 1,000 characters were kept.").wait_for()
        assert len(page.get_by_role("tabpanel").locator("textarea").input_value()) == 1000


@pytest.mark.parametrize(("asked", "shown"), [("57", "57"), ("999999", "415")])
def test_the_address_chooses_the_unit_that_is_drawn(
    chromium: "Browser", page_address: str, asked: str, shown: str
) -> None:
    with visit(chromium, f"{page_address}?text=She+was+%22&unit={asked}&show=unit", "inside") as page:
        page.wait_for_selector(".chart-word")
        wait_for(page, "document.querySelector('.strip').textContent.startsWith('She was')")
        assert page.get_by_label("Cell", exact=True).input_value() == shown
        assert page.get_by_text("One cell over time").is_visible()
        assert not page.get_by_text("Which words count").is_visible()


def test_a_frame_has_neither_head_nor_foot_and_suggests_at_once(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, f"{page_address}?text=I+am+very+much+&scheme=dark&bare", "type", ready=".ghost-field") as page:
        page.get_by_role("option").filter(has_text="obliged").wait_for()
        assert not page.get_by_role("tablist").is_visible()
        assert not page.locator("header, footer").first.is_visible()
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
        assert page.evaluate("Object.keys(localStorage)") == []
