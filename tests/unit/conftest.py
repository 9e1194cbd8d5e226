"""Small models at work, without a training framework: for scoring, vectors, and what else takes text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nextword.architecture import Architecture
from nextword.bundle.bundle import Bundle
from nextword.bundle.write import write_bundle
from nextword.engine.trained_model import TrainedModel
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

_WIDTH = 4

_MARKS = (", ", ",", ". ", ".", '"', ' "', '" ', " - ", "-", " -", "'", " '")
_VOCABULARIES: dict[TokenizerKind, tuple[str, ...]] = {
    "pretokenized": ("the", "<unk>", "cat", "<eos>", "sat", "on", "mat", ".", "a\xa0b"),
    "word": ("the", "<unk>", "cat", "<eos>", "sat", "on", "don't", "it", "é", *_MARKS),
    "character": ("a", "<unk>", "b", "<eos>", " ", "c", "."),
}


def _small_model(kind: TokenizerKind = "pretokenized", *, line_ends: LineEnds = "line", seed: int = 0) -> TrainedModel:
    tokenizer = Tokenizer(kind, line_ends, Vocabulary(_VOCABULARIES[kind]))
    size = tokenizer.vocabulary_size
    architecture = Architecture(vocabulary_size=size, embedding_size=_WIDTH, hidden_sizes=(_WIDTH,))
    random = np.random.default_rng(seed)
    weights = {
        name: random.normal(size=shape).astype(np.float32) for name, shape in architecture.weight_shapes().items()
    }
    network = ToyEngine(size, tokenizer.vocabulary.end_id, seed=seed)
    return TrainedModel(Bundle(f"small-{kind}", architecture, tokenizer, weights, ""), network)


@pytest.fixture(scope="session")
def small_model() -> Callable[..., TrainedModel]:
    """Makes a model of a kind of tokens; its network is a few lines of NumPy, and not that of its bundle."""
    return _small_model


@pytest.fixture
def small_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the bundle of a small model, and has its NumPy network run wherever it is opened."""

    def written(kind: TokenizerKind = "pretokenized") -> Path:
        model = _small_model(kind)
        path = tmp_path / model.name
        write_bundle(path, model.bundle)
        monkeypatch.setattr("nextword.engine.trained_model.open_model", lambda opened, _engine: {path: model}[opened])
        return path

    return written
