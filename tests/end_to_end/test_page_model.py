"""The tab Model: card, figures and training curve."""

import json
from typing import TYPE_CHECKING
from urllib.request import urlopen

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


def test_figures_are_those_of_the_model(chromium: "Browser", page_address: str) -> None:
    with visit(chromium, page_address, "model") as page:
        figures = page.locator("#panel-model .figures").text_content() or ""
        assert "parameters3,624,502" in figures


def test_the_training_curve_is_drawn(chromium: "Browser", page_address: str) -> None:
    curve = [{"round": 1, "train": 700.0, "valid": 500.0}, {"round": 2, "train": 90.0, "valid": 80.0}]
    with visit(chromium, page_address) as page:
        with urlopen(f"{page_address}page/describe.json") as answer:  # noqa: S310 - the address is our own
            described = {**json.load(answer), "curve": curve}
        page.route("**/page/describe.json", lambda route: route.fulfill(json=described))
        page.goto("about:blank")
        page.goto(f"{page_address}#model")
        label = page.locator(".curve svg").get_attribute("aria-label")
        assert label == "Training curve over 2 rounds; lowest valid perplexity 80.0 in round 2"
        assert page.locator(".curve-line").count() == 2
