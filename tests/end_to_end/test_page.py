"""The page as a whole: access, narrow screens, errors in words, and vocabulary that is never markup."""

import re
from typing import TYPE_CHECKING

import pytest

from nextword.api.trained_model import TrainedModel
from nextword.bundle.origin import sample_model_path
from nextword.display.page.html_file import write_html
from nextword.serving.http.access import Access
from support.page_audit import MOVING_ELEMENTS, NAMELESS_CONTROLS, PALE_TEXTS, WRONG_REFERENCES
from support.page_visit import visit, wait_for
from support.started_service import started_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TABS = ("type", "read", "write", "inside", "model")


def _use(page: "Page", tab: str) -> None:
    """Bring a tab to where it shows most."""
    if tab == "type":
        page.get_by_label("Your text", exact=True).focus()
        page.keyboard.type("My friend Kowalczyk is ver")
        page.wait_for_selector(".suggestions:not([hidden])")
    elif tab == "read":
        page.get_by_role("button", name="Try an example").click()
        page.wait_for_selector(".token")
        page.locator(".token").nth(4).click()
        page.get_by_label("First sentence", exact=True).fill("She was very happy.")
        page.get_by_label("Second sentence", exact=True).fill("She was happy very.")
        page.wait_for_selector(".is-better")
        page.get_by_role("button", name="Play with a held-out passage").click()
        page.get_by_role("button", name="Pass", exact=True).click()
    elif tab == "write":
        page.get_by_role("button", name="Write").click()
        page.wait_for_selector(".written[aria-busy=false]")
    elif tab == "inside":
        page.wait_for_selector(".word.is-shaded")


@pytest.mark.parametrize("tab", TABS)
def test_everybody_can_use_the_tab_from_a_disk_without_a_network(chromium: "Browser", html_file: str, tab: str) -> None:
    """Names for screen readers, contrast in light and dark, and the width of a phone."""
    with visit(chromium, html_file, tab, offline=True, color_scheme="light", reduced_motion="reduce") as page:
        _use(page, tab)
        assert "never leaves it" in (page.locator("footer").text_content() or "")
        page.mouse.move(0, 0)
        assert page.evaluate(NAMELESS_CONTROLS) == []
        assert page.evaluate(WRONG_REFERENCES) == []
        assert page.evaluate(PALE_TEXTS) == []
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        assert page.evaluate(PALE_TEXTS) == []
        page.set_viewport_size({"width": 360, "height": 740})
        wait_for(page, "document.documentElement.scrollWidth <= 360")
        assert page.evaluate(MOVING_ELEMENTS) == []


@pytest.fixture(scope="module")
def html_file(austen: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the page as one file, with a passage."""
    path = tmp_path_factory.mktemp("page") / "austen.html"
    write_html(path, austen.bundle, passage="She was very much obliged to him for all that he had said. " * 3)
    return path.as_uri()


def test_arrow_keys_choose_tabs_and_the_address_keeps_the_choice(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, page_address) as page:
        page.get_by_role("tab", name="Type").focus()
        for name in ("Read", "Write", "Inside", "Model", "Type"):
            page.keyboard.press("ArrowRight")
            tab = page.get_by_role("tab", name=name)
            assert tab.get_attribute("aria-selected") == "true"
            assert tab.evaluate("(tab) => tab === document.activeElement && tab.tabIndex === 0")
            assert page.get_by_role("tabpanel", name=name).is_visible()
            assert page.locator("[role=tabpanel]:visible").count() == 1
        page.keyboard.press("End")
        assert page.evaluate("location.hash") == "#model"
        page.reload()
        page.get_by_role("tabpanel", name="Model").wait_for()


def test_the_whole_page_is_reached_by_tab(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, page_address, "write") as page:
        reached = []
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        expected = page.evaluate(
            """[...document.querySelectorAll('button, input, select, textarea')]
                .filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0)
                .map((each) => each.id || each.textContent)"""
        )
        assert [name for name in expected if name not in reached] == []
        places = [reached.index(name) for name in expected]
        assert places == sorted(places)  # in the order of the document


def test_the_theme_can_be_switched_and_is_kept(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, page_address, color_scheme="light") as page:
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(paper)
        page.get_by_label("Colors").select_option("dark")
        dark = page.evaluate(paper)
        assert dark != light
        page.reload()
        page.wait_for_selector("[role=tablist]")
        assert page.evaluate(paper) == dark


def test_the_served_page_asks_for_the_key_as_a_password(chromium: "Browser") -> None:
    key = "a-key-of-these-tests"
    credentials = {"username": "anybody", "password": key}
    with (
        started_service(sample_model_path("austen"), access=Access.of("127.0.0.1", keys=[key])) as address,
        visit(chromium, address, http_credentials=credentials) as page,
    ):
        page.get_by_label("Your text", exact=True).fill("I am very much ob")
        page.wait_for_selector(".suggestions:not([hidden])")


def test_a_long_text_is_drawn_while_it_is_read(chromium: "Browser", html_file: str) -> None:
    with visit(chromium, html_file, "read", offline=True) as page:
        page.get_by_label("Your text", exact=True).focus()
        page.keyboard.insert_text("She was very much obliged to him. " * 1471)
        page.get_by_text(re.compile(r"^Reading … \d+%$")).wait_for()
        page.wait_for_selector(".token")
        assert int((page.locator("#panel-read .figures dd").last.text_content() or "0").replace(",", "")) < 5000
