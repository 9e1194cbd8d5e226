"""A recurrent engine in a few lines of NumPy, for the engines that go around an engine."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.ngram.kneser_ney import KneserNeyModel

VOCABULARY_SIZE, END_ID = 11, 3


class ToyEngine(DistributionEngine):
    """h = tanh(h A + E[x]), p = softmax(h W), with weights drawn by a seed."""

    def __init__(self, seed: int, hidden_size: int = 4, vocabulary_size: int = VOCABULARY_SIZE) -> None:
        super().__init__(vocabulary_size=vocabulary_size, end_id=END_ID)
        random = np.random.default_rng(seed)
        self.recurrent = random.normal(size=(hidden_size, hidden_size)).astype(np.float32)
        self.embedding = random.normal(size=(vocabulary_size, hidden_size)).astype(np.float32)
        self.output = (2 * random.normal(size=(hidden_size, vocabulary_size))).astype(np.float32)

    def start(self, batch_size: int) -> State:
        return np.zeros((batch_size, len(self.recurrent)), np.float32)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        hidden = []
        for column in inputs.T:
            state = np.tanh(state @ self.recurrent + self.embedding[column])
            hidden.append(state)
        stacked = np.stack(hidden, axis=1)
        logits = stacked @ self.output
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return WindowPrediction(log_probs.astype(np.float32), stacked), state


class Hiddenless(ToyEngine):
    """Keeps its hidden states to itself."""

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        prediction, state = super().predict_window(inputs, state)
        return prediction._replace(hidden=None), state


@pytest.fixture(scope="session")
def toy_engine() -> Callable[..., Engine]:
    return ToyEngine


@pytest.fixture(scope="session")
def hiddenless_engine() -> Engine:
    return Hiddenless(1)


@pytest.fixture(scope="session")
def ngram_model() -> KneserNeyModel:
    ids = np.random.default_rng(4).integers(VOCABULARY_SIZE, size=300, dtype=np.int32) // 2
    return KneserNeyModel.fit(ids, 3, vocabulary_size=VOCABULARY_SIZE, end_id=END_ID)
