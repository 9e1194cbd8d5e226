"""A recurrent engine in a few lines of NumPy, a tokenizer that suits it, and lists made up by a seed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.rescoring.features import Features
from nextword.rescoring.line_source import LineSource
from nextword.rescoring.nbest import NbestList
from nextword.rescoring.nbest_reader import NbestReader
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary

WORDS = ("the", "cat", "<eos>", "sat", "cats", "at", "<unk>")


class ToyEngine(DistributionEngine):
    """h = tanh(h A + E[x]), p = softmax(h W); counts the tokens that it reads."""

    def __init__(self, hidden_size: int = 5) -> None:
        super().__init__(vocabulary_size=len(WORDS), end_id=2)
        random = np.random.default_rng(3)
        self.recurrent = random.normal(size=(hidden_size, hidden_size))
        self.embedding = random.normal(size=(len(WORDS), hidden_size))
        self.output = 2 * random.normal(size=(hidden_size, len(WORDS)))
        self.num_read = 0

    def start(self, batch_size: int) -> State:
        return np.zeros((batch_size, len(self.recurrent)))

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.num_read += inputs.size
        hidden = []
        for column in inputs.T:
            state = np.tanh(state @ self.recurrent + self.embedding[column])
            hidden.append(state)
        logits = np.stack(hidden, axis=1) @ self.output
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return WindowPrediction(log_probs.astype(np.float32), None), state


@pytest.fixture
def toy_engine() -> ToyEngine:
    return ToyEngine()


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer("pretokenized", "line", Vocabulary(WORDS))


@pytest.fixture(scope="session")
def line_log_prob(tokenizer: Tokenizer) -> Callable[[str], float]:
    """Scores a line step by step."""

    def score(line: str) -> float:
        engine: Engine = ToyEngine()
        state, last, total = engine.start(1), engine.end_id, 0.0
        for token_id in [*tokenizer.encode(line), engine.end_id]:
            log_probs, state = engine.step(np.array([last], np.int32), state)
            total, last = total + float(log_probs[0, token_id]), token_id
        return total

    return score


@pytest.fixture
def read_lists(tmp_path: Path) -> Callable[..., tuple[NbestReader, list[NbestList]]]:
    """Reads the lists of a text; returns reader and lists."""

    def read(text: str, score_names: Sequence[str] | None = None) -> tuple[NbestReader, list[NbestList]]:
        path = tmp_path / "nbest"
        path.write_text(text, encoding="utf-8")
        reader = NbestReader(LineSource(str(path)), score_names=score_names)
        return reader, list(reader)

    return read


@pytest.fixture(scope="session")
def features_of() -> Callable[..., Features]:
    """Makes up lists in which model and first pass both know something of the errors, and length nothing."""

    def make(seed: int, num_utterances: int = 40, most: int = 12, num_scores: int = 1) -> Features:
        random = np.random.default_rng(seed)
        sizes = random.integers(1, most + 1, num_utterances)
        errors = random.poisson(2.0, sizes.sum())
        noises = random.normal(size=(sizes.sum(), 2 + num_scores))
        values = -errors[:, None] * ([3.0, 0.0] + [2.0] * num_scores) + 5.0 * noises
        values[:, 1] = random.integers(3, 9, sizes.sum())
        return Features(values, errors, np.concatenate(([0], np.cumsum(sizes))))

    return make
