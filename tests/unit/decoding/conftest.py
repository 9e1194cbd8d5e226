"""A recurrent engine in a few lines of NumPy that counts its steps, and tokenizers that suit it."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary

VOCABULARIES = {
    "pretokenized": ("a", "b", "<eos>", "ab", "ba", "<unk>"),
    "word": ("a", "b", "<eos>", "ab", ", ", ",", "<unk>", " - ", "-"),
    "subword": ("a", " ", "<eos>", "b", "<unk>", ",", " a", "ab"),
    "character": ("a", " ", "<eos>", "b", "<unk>", ","),
}


class ToyEngine(DistributionEngine):
    """h = tanh(h A + E[x]), p = softmax(h W); `num_steps` tokens have been read."""

    def __init__(self, vocabulary_size: int, hidden_size: int = 5) -> None:
        super().__init__(vocabulary_size=vocabulary_size, end_id=2)
        random = np.random.default_rng(7)
        self.recurrent = random.normal(size=(hidden_size, hidden_size))
        self.embedding = random.normal(size=(vocabulary_size, hidden_size))
        self.output = 2 * random.normal(size=(hidden_size, vocabulary_size))
        self.num_steps = 0

    def start(self, batch_size: int) -> State:
        return np.zeros((batch_size, len(self.recurrent)))

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.num_steps += inputs.size
        hidden = []
        for column in inputs.T:
            state = np.tanh(state @ self.recurrent + self.embedding[column])
            hidden.append(state)
        logits = np.stack(hidden, axis=1) @ self.output
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return WindowPrediction(log_probs.astype(np.float32), None), state


@pytest.fixture(params=list(VOCABULARIES))
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """One of each kind."""
    return Tokenizer(request.param, "line", Vocabulary(VOCABULARIES[request.param]))


@pytest.fixture(scope="session")
def tokenizer_of() -> Callable[[str], Tokenizer]:
    """Makes the tokenizer of a kind."""
    return lambda kind: Tokenizer(kind, "line", Vocabulary(VOCABULARIES[kind]))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def toy_engine() -> Callable[[Tokenizer], ToyEngine]:
    """Makes an engine for a tokenizer."""
    return lambda tokenizer: ToyEngine(tokenizer.vocabulary_size)


@pytest.fixture(scope="session")
def line_log_prob(toy_engine: Callable[[Tokenizer], ToyEngine]) -> Callable[[Tokenizer, str], float]:
    """Scores a line at once, its end included."""

    def score(tokenizer: Tokenizer, line: str) -> float:
        ids = np.array([[*tokenizer.encode(line), 2]], np.int32)
        scores = toy_engine(tokenizer).score(ids, np.array([ids.shape[1]], np.int32))
        return float(scores.log_probs.sum(dtype=np.float64))

    return score
