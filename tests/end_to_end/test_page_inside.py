"""The tab Inside: gates and influence, computed in the browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextword.display.page.html_file import write_html
from nextword.model.cells import CellName
from support.packed import ARCHITECTURES, random_bundle
from support.page_visit import visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_TEXT = "I am very much obliged to you, she said."


@pytest.fixture
def page(chromium: "Browser", page_address: str) -> Iterator["Page"]:
    with visit(chromium, page_address, "inside") as page:
        page.wait_for_selector(".gate-chart .chart-bar")
        page.get_by_label("Your text", exact=True).fill(_TEXT)
        wait_for(page, "document.querySelector('.strip').textContent.startsWith('I am')")
        yield page


def _go_to(page: "Page", place: int) -> None:
    """Move the slider by keyboard."""
    page.get_by_label("After the word").focus()
    page.keyboard.press("Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")


def test_the_slider_scrubs_through_the_words(page: "Page") -> None:
    _go_to(page, 3)
    assert page.locator(".scrubber output").text_content() == "much"
    assert page.locator(".strip .is-current").text_content() == "much"
    assert page.locator(".chart-word.is-current").text_content() == "much"


def test_a_word_without_an_end_stays_inside_the_page(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).fill("x" * 3000)
    wait_for(page, "document.querySelector('.scrubber output').textContent.startsWith('xxx')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_cell_is_chosen_by_number_by_layer_and_from_the_list(page: "Page") -> None:
    page.get_by_label("Cell", exact=True).fill("7")
    page.keyboard.press("Enter")
    assert "Cell 7 of layer 1" in (page.locator(".gate-chart svg").get_attribute("aria-label") or "")
    page.get_by_label("Layer", exact=True).select_option("1")
    assert "of layer 2" in (page.locator(".gate-chart svg").get_attribute("aria-label") or "")
    page.get_by_label("Cell", exact=True).fill("100000")
    page.keyboard.press("Enter")
    assert page.get_by_label("Cell", exact=True).input_value() == "207"  # the last one
    cells = page.get_by_role("radiogroup", name="Cells").get_by_role("radio")
    cells.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert cells.nth(1).get_attribute("aria-checked") == "true"
    cell = cells.nth(1).get_attribute("data-cell")
    assert f"Cell {cell} of layer 2" in (page.locator(".gate-chart svg").get_attribute("aria-label") or "")


def test_the_words_are_shaded_by_what_they_count(page: "Page") -> None:
    _go_to(page, 3)
    wait_for(page, "document.querySelector('.strip .word').title.includes('nats')")
    assert page.locator(".strip .word.is-shaded").count() == 4


@pytest.mark.parametrize(("cell", "gates"), [("gru", ("Update gate", "Reset gate")), ("rnn", ("Candidate",))])
def test_other_cells_show_their_own_gates(
    chromium: "Browser", tmp_path: Path, cell: CellName, gates: tuple[str, ...]
) -> None:
    write_html(tmp_path / "page.html", random_bundle(ARCHITECTURES[cell]))
    with visit(chromium, (tmp_path / "page.html").as_uri(), "inside", offline=True) as page:
        page.get_by_label("Your text", exact=True).fill("w5 w6 w7")
        page.wait_for_selector(".chart-word")
        names = page.locator(".chart-name").all_text_contents()
        assert set(gates) <= set(names)
        assert "Forget gate" not in names
        assert page.locator(".diagram dt").all_text_contents() == names


def test_without_a_text_the_tab_says_what_to_do(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).fill("")
    page.get_by_text("Write some words").wait_for()
    assert page.locator(".gate-chart").is_hidden()


def test_the_whole_drawing_of_the_cell_fits_a_phone(page: "Page") -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    cut = """[...document.querySelectorAll('.diagram text, .diagram rect')].filter((each) => {
        const { left, right } = each.getBoundingClientRect();
        const ground = document.querySelector('.diagram').getBoundingClientRect();
        return left < ground.left - 1 || right > ground.right + 1;
    }).map((each) => each.textContent)"""
    wait_for(page, f"{cut}.length === 0")
    assert page.evaluate(
        "document.querySelector('.diagram').scrollWidth <= document.querySelector('.diagram').clientWidth"
    )
