from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.engine.onnx_engine import OnnxEngine
from nextword.errors import ExportError
from nextword.export.language_model_graph import language_model_graph
from nextword.export.report import Agreement, ExportReport, Int8Cost, require_agreement, with_export_section
from nextword.model.architecture import Architecture
from nextword.text.batching.window import TokenIds

FLOAT = ExportReport(num_bytes=1_500_000, agreement=Agreement(2e-6, 12_000), int8_cost=None)
INT8 = replace(FLOAT, int8_cost=Int8Cost(perplexity=80.0, int8_perplexity=80.2, num_tokens=4000, text="story, valid"))
CARD = "# tiny\n\n## Use\n\nAs ever.\n"

Weights = dict[str, NDArray[np.float32]]
Ids = NDArray[np.int32]


def test_a_card_says_what_was_exported_and_how_it_was_checked() -> None:
    card = with_export_section(CARD, FLOAT)
    assert card.startswith(CARD)
    assert "holds the model in float32, 1.5 MB: opset 17, for onnxruntime 1.23 or newer" in card
    assert "by at most 2e-06 (12,000 compared" in card
    assert "int8" not in card


def test_a_card_says_what_int8_costs() -> None:
    card = with_export_section(CARD, INT8)
    assert "In int8 the perplexity of story, valid is 80.20 instead of 80.00, +0.25% (4,000 tokens)." in card


def test_another_export_replaces_what_a_card_says() -> None:
    assert with_export_section(with_export_section(CARD, INT8), FLOAT) == with_export_section(CARD, FLOAT)


def test_a_perplexity_that_fell_costs_less_than_nothing() -> None:
    assert Int8Cost(perplexity=80.0, int8_perplexity=79.2, num_tokens=1, text="").percent == pytest.approx(-1)


@pytest.fixture(scope="module")
def engine(architecture: Architecture, weights: Weights) -> Engine:
    return OnnxEngine(
        language_model_graph(architecture, weights).SerializeToString(), architecture=architecture, end_id=1
    )


class OffInSteps(OnnxEngine):
    """Is wrong by a number in every step, and right in windows."""

    by: float

    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        log_probs, state = super().step(ids, state)
        return log_probs + np.float32(self.by), state


def off_by(architecture: Architecture, weights: Weights, by: float) -> OffInSteps:
    data = language_model_graph(architecture, weights).SerializeToString()
    engine = OffInSteps(data, architecture=architecture, end_id=1)
    engine.by = by
    return engine


def test_an_engine_agrees_with_itself(engine: Engine, text_ids: Ids) -> None:
    found = require_agreement(engine, engine, text_ids)
    assert found.largest_difference == 0
    assert found.num_log_probs == 10 * (3 * 24 + 200)


def test_one_token_is_enough_of_a_text(engine: Engine, text_ids: Ids) -> None:
    assert require_agreement(engine, engine, text_ids[:1]).num_log_probs == 10 * (3 * 24 + 2)


def test_a_weight_that_is_a_little_off_is_seen(
    engine: Engine, architecture: Architecture, weights: Weights, text_ids: Ids
) -> None:
    changed = {**weights, "lstm_1/bias": weights["lstm_1/bias"] + np.float32(1e-2)}
    data = language_model_graph(architecture, changed).SerializeToString()
    with pytest.raises(
        ExportError, match=r"to 0\.0001, but differs by up to .*; it was discarded, and the model is unch"
    ):
        require_agreement(OnnxEngine(data, architecture=architecture, end_id=1), engine, text_ids)


@pytest.mark.parametrize("by", [2e-4, -1.0, np.nan])
def test_steps_are_compared_as_well_as_windows(
    engine: Engine, architecture: Architecture, weights: Weights, text_ids: Ids, by: float
) -> None:
    with pytest.raises(ExportError):
        require_agreement(off_by(architecture, weights, by), engine, text_ids)


def test_what_stays_below_the_tolerance_is_told(
    engine: Engine, architecture: Architecture, weights: Weights, text_ids: Ids
) -> None:
    found = require_agreement(off_by(architecture, weights, 5e-5), engine, text_ids)
    assert found.largest_difference == pytest.approx(5e-5, rel=0.1)
