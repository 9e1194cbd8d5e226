"""A recurrent model in a few lines of NumPy, and tokenizers of every kind."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary


class ToyEngine(DistributionEngine):
    """h = tanh(h A + E[x]), p = softmax(b h W): each row to the bit what it would be alone, since no product is BLAS's.

    It counts the steps that it makes and the rows that it reads.
    """

    def __init__(self, seed: int = 1, *, vocabulary_size: int = 5, boldness: float = 2.0) -> None:
        super().__init__(vocabulary_size=vocabulary_size, end_id=0)
        random = np.random.default_rng(seed)
        self._recurrent = random.normal(size=(3, 3)).astype(np.float32)
        self._embedding = random.normal(size=(vocabulary_size, 3)).astype(np.float32)
        self._output = (boldness * random.normal(size=(3, vocabulary_size))).astype(np.float32)
        self.batch_sizes: list[int] = []

    def start(self, batch_size: int) -> State:
        return np.zeros((batch_size, 3), np.float32)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.batch_sizes.append(len(inputs))
        predicted = []
        for column in inputs.T:
            state = np.tanh((state[:, :, None] * self._recurrent).sum(axis=1) + self._embedding[column])
            logits = (state[:, :, None] * self._output).sum(axis=1)
            predicted.append(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))
        return WindowPrediction(np.stack(predicted, axis=1).astype(np.float32), None), state


@pytest.fixture(scope="session")
def toy_engine() -> Callable[..., Engine]:
    return ToyEngine


@pytest.fixture(scope="session")
def log_prob_of() -> Callable[..., float]:
    """The logarithm of the probability of ids after a prompt, by reading all of it anew."""

    def log_prob(engine: Engine, prompt: tuple[int, ...], ids: tuple[int, ...]) -> float:
        whole = np.array([[*prompt, *ids]], np.int32)
        scores = engine.score(whole, np.array([whole.shape[1]], np.int32))
        return float(scores.log_probs[0, len(prompt) :].astype(np.float64).sum())

    return log_prob


@pytest.fixture(scope="session")
def words() -> Tokenizer:
    """Tokens between spaces."""
    return Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "a", "b", "c")))


@pytest.fixture(scope="session")
def running_text() -> Tokenizer:
    """Words and marks, 0 the `<eos>`."""
    tokens = ("<eos>", "<unk>", "He", "said", ", ", ",", ' "', '"', "no", ".", ". ", "don't", "don", "'", "t", "he")
    return Tokenizer("word", "line", Vocabulary((*tokens, "New", "York", "-", "No")))


@pytest.fixture(scope="session")
def characters() -> Tokenizer:
    return Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", "r", "t", "y", " ", ".", "A")))
