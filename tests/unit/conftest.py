"""Small models at work, without a training framework: for scoring, vectors, and what else takes text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nextword.architecture import Architecture
from nextword.batching.window import TokenIds
from nextword.bundle.bundle import Bundle
from nextword.bundle.write import write_bundle
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.trained_model import TrainedModel
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary

_WIDTH = 4

_MARKS = (", ", ",", ". ", ".", '"', ' "', '" ', " - ", "-", " -", "'", " '")
_VOCABULARIES: dict[TokenizerKind, tuple[str, ...]] = {
    "pretokenized": ("the", "<unk>", "cat", "<eos>", "sat", "on", "mat", ".", "a\xa0b"),
    "word": ("the", "<unk>", "cat", "<eos>", "sat", "on", "don't", "it", "é", *_MARKS),
    "character": ("a", "<unk>", "b", "<eos>", " ", "c", "."),
}


class SmallNetwork(DistributionEngine):
    """h = tanh(h A + E[x]), p = softmax(h W), with weights drawn by a seed.

    Attributes:
        shapes: The `(B, T)` of every window that was read.
    """

    def __init__(self, *, vocabulary_size: int, end_id: int, seed: int = 0) -> None:
        super().__init__(vocabulary_size=vocabulary_size, end_id=end_id)
        random = np.random.default_rng(seed)
        self._recurrent = random.normal(size=(_WIDTH, _WIDTH)).astype(np.float32)
        self._embedding = random.normal(size=(vocabulary_size, _WIDTH)).astype(np.float32)
        self._output = (2 * random.normal(size=(_WIDTH, vocabulary_size))).astype(np.float32)
        self.shapes: list[tuple[int, int]] = []

    def start(self, batch_size: int) -> State:
        return np.zeros((batch_size, _WIDTH), np.float32)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.shapes.append((inputs.shape[0], inputs.shape[1]))
        hidden = []
        for column in inputs.T:
            state = np.tanh(state @ self._recurrent + self._embedding[column])
            hidden.append(state)
        stacked = np.stack(hidden, axis=1)
        logits = stacked @ self._output
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return WindowPrediction(log_probs.astype(np.float32), stacked), state


def _small_model(kind: TokenizerKind = "pretokenized", *, line_ends: LineEnds = "line", seed: int = 0) -> TrainedModel:
    tokenizer = Tokenizer(kind, line_ends, Vocabulary(_VOCABULARIES[kind]))
    size = tokenizer.vocabulary_size
    architecture = Architecture(vocabulary_size=size, embedding_size=_WIDTH, hidden_sizes=(_WIDTH,))
    random = np.random.default_rng(seed)
    weights = {
        name: random.normal(size=shape).astype(np.float32) for name, shape in architecture.weight_shapes().items()
    }
    network = SmallNetwork(vocabulary_size=size, end_id=tokenizer.vocabulary.end_id, seed=seed)
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
