"""The tab Model: card, figures and training curve."""

from pathlib import Path
from typing import TYPE_CHECKING

from nextword.api.trained_model import TrainedModel
from nextword.display.page.html_file import write_html
from nextword.display.page.page_facts import CurvePoint, PageFacts
from support.page_visit import visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser


_BROKEN_CELLS = """
[...document.querySelectorAll('th, td')].flatMap((cell) => [...cell.childNodes]).filter((node) => node.nodeType === 3)
    .flatMap((node) => [...node.textContent.matchAll(/[^\\s-]+/g)].map(({ 0: word, index }) => {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        return word.length < 32 && range.getClientRects().length > 1 ? word : null;
    })).filter(Boolean)
"""

_CUT_LABELS = """
(() => {
    const ground = document.querySelector('.curve svg').getBoundingClientRect();
    return [...document.querySelectorAll('.curve text')]
        .filter((each) => each.getBoundingClientRect().right > ground.right).map((each) => each.textContent);
})()
"""


def test_the_card_is_shown_as_headings_tables_lists_and_code(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, page_address, "model") as page:
        card = page.get_by_label("Model card")
        assert card.get_by_role("heading", name="austen", exact=True).count() == 1
        assert card.get_by_role("heading", name="Figures").count() == 1
        assert card.get_by_role("cell", name="9,878 tokens, word").count() == 1
        assert "<eos>" in (card.text_content() or "")
        assert card.locator("pre").filter(has_text='nextword.load("austen")').count() == 1
        assert card.locator("li").filter(has_text="model.onnx holds the model").count() == 1


def test_figures_are_those_of_the_model(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, page_address, "model") as page:
        figures = page.locator("#panel-model .figures").text_content() or ""
        assert "parameters3,624,502" in figures


def test_on_a_phone_the_curve_is_legible_and_no_word_is_broken(
    chromium: "Browser", austen: TrainedModel, tmp_path: Path
) -> None:
    curve = [CurvePoint(count, 9000.0 / count, 3000.0) for count in (1, 2)]
    write_html(tmp_path / "page.html", austen.bundle, facts=PageFacts.of(austen.bundle, curve=curve))
    with visit(chromium, (tmp_path / "page.html").as_uri(), "model", viewport={"width": 390, "height": 844}) as page:
        assert page.locator(".curve svg").get_attribute("aria-label") == (
            "perplexity by rounds: train 4,500.0, valid 3,000.0, best 3,000.0"
        )
        assert page.locator(".curve polyline").count() == 2
        assert page.evaluate(_BROKEN_CELLS) == []
        assert page.evaluate(_CUT_LABELS) == []
        heights = page.locator(".curve text").evaluate_all(
            "(all) => all.map((text) => text.getBoundingClientRect().height)"
        )
        assert min(heights) >= 11
        page.evaluate(
            "for (const cell of document.querySelectorAll('td')) cell.style.cssText = 'word-break: break-all'"
        )
        page.set_viewport_size({"width": 120, "height": 844})
        assert page.evaluate(_BROKEN_CELLS)  # the same test finds words that are broken
