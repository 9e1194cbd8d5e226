"""The page of `nextword compare`: predicted and actual text, colored by surprisal."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextword.api.trained_model import TrainedModel
from nextword.inference.evaluation.comparison import compare
from nextword.inference.evaluation.comparison_page import ComparisonFacts, comparison_page
from nextword.text.corpus import Corpus
from support.page_audit import NAMELESS_CONTROLS, PALE_TEXTS, WRONG_REFERENCES
from support.page_visit import visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_ROWS = [{"label": "1-10", "num_tokens": 50, "accuracy": 0.5, "bits_per_token": None}]


@pytest.fixture
def comparison(austen: TrainedModel, tmp_path: Path) -> str:
    ids = Corpus.load("austen", tokenizer=austen.tokenizer).valid.ids[:60]
    facts = ComparisonFacts("austen", "<b>text</b>", "valid", "carried", {"perplexity": "67.28"}, _ROWS, _ROWS)
    path = tmp_path / "comparison.html"
    path.write_bytes(comparison_page(compare(austen.engine, ids, max_tokens=60), austen.tokenizer, facts))
    return path.as_uri()


def test_each_word_has_its_details_by_arrow_keys_and_the_errors_are_in_tables(
    chromium: "Browser", comparison: str
) -> None:
    with visit(chromium, comparison, ready=".token", offline=True) as page:
        assert page.title() == "austen on <b>text</b>: predicted and actual text"
        assert page.locator(".token").count() == 60
        page.locator(".token").first.focus()
        first = page.locator(".details").text_content()
        page.keyboard.press("ArrowDown")
        below = page.evaluate("document.activeElement.getBoundingClientRect().top")
        assert below > page.locator(".token").first.evaluate("(token) => token.getBoundingClientRect().top")
        assert page.locator(".details").text_content() != first
        assert page.locator(".details .is-actual").count() == 1
        page.keyboard.press("Escape")
        assert "Point at a word" in (page.locator(".details").text_content() or "")
        assert page.locator("tbody").first.text_content() == "1\N{EN DASH}105050%∞"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(chromium: "Browser", comparison: str, scheme: str) -> None:
    with visit(chromium, comparison, ready=".token", offline=True, color_scheme=scheme) as page:
        page.locator(".token").nth(9).click()
        assert page.evaluate(NAMELESS_CONTROLS) == []
        assert page.evaluate(WRONG_REFERENCES) == []
        assert page.evaluate(PALE_TEXTS) == []
        page.set_viewport_size({"width": 360, "height": 740})
        wait_for(page, "document.documentElement.scrollWidth <= 360")
