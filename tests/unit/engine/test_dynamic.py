from pathlib import Path

import numpy as np
import pytest

from nextword.bundle.origin import sample_model_path
from nextword.engine.dynamic import DynamicOptions, dynamic_engine
from nextword.engine.dynamic_engine import DynamicEngine, root_mean_square_gradients
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.opening import open_model
from nextword.engine.stream import token_log_probs
from nextword.errors import BundleError, SettingError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds
from support.inner_engines import BigramEngine, model_of
from support.random_weights import random_weights
from support.tiny_bundle import write_tiny_bundle


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
    found = dynamic_engine(model_of(keras_engine), lambda: train, options)
    expected = root_mean_square_gradients(keras_engine.model, train, end_id=0, num_steps=6)
    text = np.random.default_rng(2).integers(7, size=60, dtype=np.int32)
    np.testing.assert_allclose(
        token_log_probs(found, text),
        token_log_probs(DynamicEngine(keras_engine, expected, options), text),
        rtol=1e-5,
    )


def unread() -> TokenIds:
    raise AssertionError("the text may not be read")


def test_it_needs_a_keras_model() -> None:
    with pytest.raises(SettingError, match="`dynamic` needs the Keras model itself, but has the engine BigramEngine"):
        dynamic_engine(model_of(BigramEngine()), unread, DynamicOptions())


def test_it_needs_the_weights_that_a_slim_model_lacks() -> None:
    austen = open_model(sample_model_path("austen"))
    with pytest.raises(
        BundleError, match="`austen` is a slim model, which has none; use the model that it was"
    ) as told:
        dynamic_engine(austen, unread, DynamicOptions())
    assert '`--engine keras`, or `engine="keras"` in Python' in str(told.value)


def test_a_model_that_onnxruntime_runs_in_float32_is_started_in_keras(tmp_path: Path) -> None:
    model = open_model(write_tiny_bundle(tmp_path / "tiny"), "onnx")
    train = np.random.default_rng(1).integers(model.tokenizer.vocabulary_size, size=200, dtype=np.int32)
    found = dynamic_engine(model, lambda: train, DynamicOptions(dynamic_learning_rate=0.0))
    text = train[:40]
    np.testing.assert_allclose(token_log_probs(found, text), token_log_probs(model.network, text), rtol=1e-4)
