"""The tab Model: card, figures and training curve."""

from typing import TYPE_CHECKING

from support.page_server import PageRoutes
from support.page_visit import visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_card_is_shown_as_headings_tables_lists_and_code(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, page_address, "model") as page:
        card = page.get_by_label("Model card")
        assert card.get_by_role("heading", name="austen", exact=True).count() == 1
        assert card.get_by_role("heading", name="Figures").count() == 1
        assert card.get_by_role("cell", name="9,878 tokens, word").count() == 1
        assert "<eos>" in (card.text_content() or "")
        assert card.locator("pre").filter(has_text='nextword.load("austen")').count() == 1
        assert card.locator("li").filter(has_text="model.onnx holds the model").count() == 1


def test_figures_and_curve_are_those_of_the_description(
    chromium: "Browser", page_address: str, page_routes: PageRoutes
) -> None:
    described = page_routes.describe()
    with visit(chromium, page_address, "model") as page:
        figures = page.locator("#panel-model .figures").text_content() or ""
        for label, value in described["figures"].items():
            assert f"{label}{value}" in figures
        label = page.locator(".curve svg").get_attribute("aria-label") or ""
        assert f"{len(described['curve'])} rounds" in label
        assert f"{min(point['valid'] for point in described['curve']):.1f}" in label
