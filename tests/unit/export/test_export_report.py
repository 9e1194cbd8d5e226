from dataclasses import replace

import pytest

from nextword.export.agreement import Agreement
from nextword.export.export_report import ExportReport, Int8Cost, with_export_section

FLOAT = ExportReport(num_bytes=1_500_000, agreement=Agreement(2e-6, 12_000), int8_cost=None)
INT8 = replace(FLOAT, int8_cost=Int8Cost(perplexity=80.0, int8_perplexity=80.2, num_tokens=4000, text="story, valid"))
CARD = "# tiny\n\n## Use\n\nAs ever.\n"


def test_a_card_says_what_was_exported_and_how_it_was_checked() -> None:
    card = with_export_section(CARD, FLOAT)
    assert card.startswith(CARD)
    assert "holds the model in float32, 1.5 MB: opset 17, for onnxruntime 1.23 or newer" in card
    assert "to 2e-06 (12,000 of them" in card
    assert "int8" not in card


def test_a_card_says_what_int8_costs() -> None:
    card = with_export_section(CARD, INT8)
    assert "In int8 the perplexity of story, valid is 80.20 instead of 80.00, +0.25 % (4,000 tokens)." in card


def test_another_export_replaces_what_a_card_says() -> None:
    assert with_export_section(with_export_section(CARD, INT8), FLOAT) == with_export_section(CARD, FLOAT)


def test_a_perplexity_that_fell_costs_less_than_nothing() -> None:
    assert Int8Cost(perplexity=80.0, int8_perplexity=79.2, num_tokens=1, text="").percent == pytest.approx(-1)
