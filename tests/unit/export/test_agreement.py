import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine, State
from nextword.engine.onnx_engine import OnnxEngine
from nextword.errors import ExportError
from nextword.export.agreement import require_agreement
from nextword.export.language_model_graph import language_model_graph

Weights = dict[str, NDArray[np.float32]]
Ids = NDArray[np.int32]


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


def test_a_weight_that_is_a_little_off_is_seen(
    engine: Engine, architecture: Architecture, weights: Weights, text_ids: Ids
) -> None:
    changed = {**weights, "lstm_1/bias": weights["lstm_1/bias"] + np.float32(1e-2)}
    data = language_model_graph(architecture, changed).SerializeToString()
    with pytest.raises(ExportError, match=r"to 0\.0001, but is up to .* away; it was not kept, and the model is as it"):
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
