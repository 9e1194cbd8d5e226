from typing import Any

import numpy as np
import pytest

from nextword.architecture import Architecture
from nextword.models.language_model import LanguageModel
from nextword.training.informed_start import start_informed

TRAIN = np.tile(np.random.default_rng(0).permutation(12), 25).astype(np.int32)
COUNTS = np.bincount(TRAIN, minlength=14)  # 12 and 13 are not in the text


def model(**fields: Any) -> LanguageModel:
    table = {"vocabulary_size": 14, "embedding_size": 6, "hidden_sizes": (6,), "initializer_scale": 0.3, **fields}
    return LanguageModel(Architecture(**table), seed=5)


def test_the_bias_is_the_unigram_model() -> None:
    informed = model(tied=True)
    start_informed(informed, TRAIN, COUNTS)
    probabilities = np.exp(informed.named_weights()["projection/bias"].astype(np.float64))
    np.testing.assert_allclose(probabilities, (COUNTS + 0.5) / (len(TRAIN) + 7), rtol=1e-5)


def test_rows_are_as_long_as_drawn_ones_are_on_average() -> None:
    informed = model(tied=True)
    start_informed(informed, TRAIN, COUNTS)
    rows = informed.named_weights()["embedding/embeddings"]
    np.testing.assert_allclose(np.linalg.norm(rows[:12], axis=1), 0.3 * np.sqrt(6 / 3), rtol=1e-4)


def test_words_that_are_not_in_the_text_and_all_other_weights_stay_as_drawn() -> None:
    drawn, informed = model(tied=True), model(tied=True)
    start_informed(informed, TRAIN, COUNTS)
    before, after = drawn.named_weights(), informed.named_weights()
    np.testing.assert_array_equal(before["embedding/embeddings"][12:], after["embedding/embeddings"][12:])
    for name in before.keys() - {"embedding/embeddings", "projection/bias"}:
        np.testing.assert_array_equal(before[name], after[name])


def test_a_model_is_new_until_its_embedding_changes() -> None:
    informed = model()
    assert informed.is_new
    start_informed(informed, TRAIN, COUNTS)
    assert not informed.is_new


@pytest.mark.parametrize(
    "fields",
    [
        {"tied": False},
        {"tied": True, "narrowed_output": True, "hidden_sizes": (9,)},
        {"tied": True, "mixture_size": 2, "hidden_sizes": (9,)},
        {"adaptive_cutoffs": (4,)},
        {"cell": "gru"},
    ],
)
def test_every_output_can_be_started(fields: dict[str, Any]) -> None:
    informed = model(**fields)
    start_informed(informed, TRAIN, COUNTS)
    logits, _ = informed(TRAIN[None, :20])
    assert np.isfinite(np.asarray(logits)).all()
    weights = informed.named_weights()
    if "projection/bias" in weights:
        probabilities = np.exp(weights["projection/bias"].astype(np.float64))
        np.testing.assert_allclose(probabilities, (COUNTS + 0.5) / (len(TRAIN) + 7), rtol=1e-5)
    else:
        assert fields == {"adaptive_cutoffs": (4,)}
