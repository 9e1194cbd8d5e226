import numpy as np
import pytest

from nextword.engine.dynamic import DynamicOptions, dynamic_engine
from nextword.engine.dynamic_engine import DynamicEngine, root_mean_square_gradients
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.stream import token_log_probs
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from support.inner_engines import model_of
from support.random_weights import random_weights


@pytest.fixture(scope="module")
def keras_engine() -> KerasEngine:
    """A small model with weights large enough to learn from text."""
    model = LanguageModel(Architecture(vocabulary_size=7, embedding_size=4, hidden_sizes=(5,)))
    model.set_named_weights(random_weights(model.architecture, 0))
    return KerasEngine(model, end_id=0)


def test_gradient_statistics_come_from_the_training_split_only(keras_engine: KerasEngine) -> None:
    train, options = (
        np.random.default_rng(1).integers(7, size=900, dtype=np.int32),
        DynamicOptions(dynamic_segment_length=6),
    )
    found = dynamic_engine(model_of(keras_engine), train, options)
    expected = root_mean_square_gradients(keras_engine.model, train, end_id=0, num_steps=6)
    text = np.random.default_rng(2).integers(7, size=60, dtype=np.int32)
    np.testing.assert_allclose(
        token_log_probs(found, text),
        token_log_probs(DynamicEngine(keras_engine, expected, options), text),
        rtol=1e-5,
    )
