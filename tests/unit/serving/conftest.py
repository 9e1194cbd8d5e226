"""Started servers, shared by all tests of the service."""

from collections.abc import Iterator

import pytest

import nextword
from nextword.bundle.bundle import Bundle
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.text_model import LoadedModel
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.random_weights import random_weights
from support.served import Served, serving
from support.small_model import small_model


@pytest.fixture
def model() -> LoadedModel:
    """A model of pretokenized text with a NumPy network."""
    return small_model()


@pytest.fixture(scope="session")
def austen() -> LoadedModel:
    """The network of the sample model, in int8."""
    return nextword.load("austen", method="static")


@pytest.fixture(scope="session")
def float_model() -> LoadedModel:
    """A model of running text in float32, with random weights, run by onnxruntime."""
    words = [f"{first}{second}{third}" for first in "bdfgklmnprst" for second in "aeiou" for third in "bdfgklmnprst"]
    marks = (", ", ",", ". ", ".", '"', ' "', '" ', "'", " '")
    tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", *marks, *words)))
    size = tokenizer.vocabulary_size
    architecture = Architecture(vocabulary_size=size, embedding_size=24, hidden_sizes=(40, 32))
    weights = random_weights(architecture, 3, scale=0.5)
    data = language_model_graph(architecture, weights).SerializeToString()
    engine = OnnxEngine(data, architecture=architecture, end_id=tokenizer.vocabulary.end_id)
    return LoadedModel(engine, Bundle("random", architecture, tokenizer, weights, ""), "onnxruntime")


@pytest.fixture(scope="session")
def served(austen: LoadedModel) -> Iterator[Served]:
    """A server of the sample model with the default bounds."""
    with serving(austen) as server:
        yield server


@pytest.fixture(scope="session")
def served_floats(float_model: LoadedModel) -> Iterator[Served]:
    """A server of a model in float32."""
    with serving(float_model) as server:
        yield server
