import numpy as np
import pytest

from nextword.engine.ngram.interpolated_model import contexts_of
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.ngram_engine import NgramModelEngine

LONG_TEXT = np.random.default_rng(0).integers(6, size=40, dtype=np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("cut", [1, 7])
def test_it_says_what_the_model_says(order: int, cut: int) -> None:
    model = KneserNeyModel.fit(LONG_TEXT, order, vocabulary_size=8, end_id=3)
    engine = NgramModelEngine(model, end_id=3)
    expected = model.probabilities(contexts_of(LONG_TEXT, order, end_id=3))
    inputs = np.concatenate(([3], LONG_TEXT[:-1])).astype(np.int32)[None]
    state, found = engine.start(1), []
    for first in range(0, len(LONG_TEXT), cut):
        prediction, state = engine.predict_window(inputs[:, first : first + cut], state)
        assert prediction.hidden is None
        found.append(prediction.log_probs[0])
    np.testing.assert_allclose(np.exp(np.concatenate(found)), expected, rtol=1e-5)


def test_rows_do_not_depend_on_their_neighbors() -> None:
    engine = NgramModelEngine(KneserNeyModel.fit(LONG_TEXT, 3, vocabulary_size=8, end_id=3), end_id=3)
    _, state = engine.predict_window(np.array([[1, 2], [4, 5]], np.int32), engine.start(2))
    both, _ = engine.step(np.array([0, 1], np.int32), state)
    alone, _ = engine.step(np.array([1], np.int32), engine.select(state, np.array([1])))
    np.testing.assert_array_equal(both[1], alone[0])
