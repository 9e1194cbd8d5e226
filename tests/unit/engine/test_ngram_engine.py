from collections.abc import Callable

import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.engine.ngram_engine import NgramEngine
from nextword.errors import SettingError
from nextword.ngram.kneser_ney import KneserNeyModel, contexts_of

TEXT = np.random.default_rng(0).integers(6, size=12, dtype=np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_it_mixes_what_both_say(toy_engine: Callable[..., Engine], order: int, weight: float) -> None:
    toy = toy_engine(1)
    model = KneserNeyModel.fit(np.tile(TEXT, 3), order, vocabulary_size=11, end_id=toy.end_id)
    engine = NgramEngine(toy, model, weight=weight)
    inputs = np.concatenate(([toy.end_id], TEXT[:-1])).astype(np.int32)[None]
    found, _ = engine.predict_window(inputs, engine.start(1))
    own, _ = toy.predict_window(inputs, toy.start(1))
    counted = model.probabilities(contexts_of(TEXT, order, end_id=toy.end_id))
    np.testing.assert_allclose(
        np.exp(found.log_probs[0]), (1 - weight) * np.exp(own.log_probs[0]) + weight * counted, rtol=1e-4
    )


def test_a_model_of_another_vocabulary_is_refused(toy_engine: Callable[..., Engine]) -> None:
    model = KneserNeyModel.fit(TEXT, 2, vocabulary_size=9, end_id=3)
    with pytest.raises(SettingError, match="must have the 11 tokens of the engine, but has 9"):
        NgramEngine(toy_engine(1), model, weight=0.5)
