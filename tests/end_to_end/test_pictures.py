"""The pictures of the documentation in a browser: on a phone, no text is cut off, covers another, or is too small."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pictures.table import DOCS, PICTURES
from support.browser import checked_page, headless_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH = 360
SMALLEST = 8.0
"""Pixels of a text's font on a page that is 360 pixels wide."""

_BOXES = """() => {
  const svg = document.querySelector("svg").getBoundingClientRect();
  const texts = [...document.querySelectorAll("svg text")].map((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return { content: text.textContent, left, right, top, bottom,
      size: parseFloat(getComputedStyle(text).fontSize) };
  });
  return { width: svg.width, right: svg.right, bottom: svg.bottom, left: svg.left, top: svg.top, texts };
}"""


@pytest.fixture(scope="module")
def page() -> Iterator["Page"]:
    with headless_chromium() as browser, checked_page(browser) as opened:
        opened.set_viewport_size({"width": WIDTH, "height": 800})
        yield opened


def boxes(page: "Page", svg: str) -> Any:
    page.set_content(f"<style>body {{ margin: 0 }} svg {{ width: 100%; height: auto; display: block }}</style>{svg}")
    return page.evaluate(_BOXES)


def overlap(one: dict[str, float], other: dict[str, float]) -> float:
    """Return how much of the lower of two texts another covers, from 0 to 1 in each direction."""
    across = min(one["right"], other["right"]) - max(one["left"], other["left"])
    down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return max(0.0, min(across, down))


@pytest.mark.slow
@pytest.mark.parametrize("picture", PICTURES)
def test_a_phone_shows_all_text(page: "Page", picture: str) -> None:
    svg = (DOCS / "images" / picture).read_text(encoding="utf-8")
    found = boxes(page, svg)
    assert found["width"] == pytest.approx(WIDTH, abs=1)
    scale = WIDTH / page.evaluate("() => document.querySelector('svg').viewBox.baseVal.width")
    for text in found["texts"]:
        assert text["left"] >= found["left"] - 1, text
        assert text["right"] <= found["right"] + 1, text
        assert text["top"] >= found["top"] - 1, text
        assert text["bottom"] <= found["bottom"] + 1, text
        assert text["size"] * scale >= SMALLEST, text
    for one, other in itertools.combinations(found["texts"], 2):
        assert overlap(one, other) < 5, (one, other)
