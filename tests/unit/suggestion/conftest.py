"""Engines in a few lines of NumPy that say what they were asked."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.suggestion.typed_text import TypedText
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary

MakeTokenizer = Callable[..., Tokenizer]


class ToyEngine(DistributionEngine):
    """h = tanh(h A + E[x]), p = softmax(h W), with weights drawn by a seed; counts the tokens that it reads."""

    def __init__(self, vocabulary: Vocabulary, *, seed: int = 1, gives_hidden: bool = True) -> None:
        super().__init__(vocabulary_size=len(vocabulary), end_id=vocabulary.end_id)
        random = np.random.default_rng(seed)
        self.recurrent = random.normal(size=(4, 4)).astype(np.float32)
        self.embedding = random.normal(size=(len(vocabulary), 4)).astype(np.float32)
        self.output = (2 * random.normal(size=(4, len(vocabulary)))).astype(np.float32)
        self.gives_hidden = gives_hidden
        self.num_read = 0

    def start(self, batch_size: int) -> State:
        return np.zeros((batch_size, 4), np.float32)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.num_read += inputs.size
        hidden = []
        for column in inputs.T:
            state = np.tanh(state @ self.recurrent + self.embedding[column])
            hidden.append(state)
        stacked = np.stack(hidden, axis=1)
        logits = stacked @ self.output
        log_probs = (logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))).astype(np.float32)
        return WindowPrediction(log_probs, stacked if self.gives_hidden else None), state


class FixedEngine(ToyEngine):
    """Expects the same, whatever was read; remembers what it was."""

    def __init__(self, vocabulary: Vocabulary, weights: Sequence[float]) -> None:
        super().__init__(vocabulary)
        self.log_probs = np.log(np.array(weights) / sum(weights)).astype(np.float32)
        self.read: list[int] = []

    def start(self, batch_size: int) -> State:
        self.read = []
        return super().start(batch_size)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.read += inputs.ravel().tolist()
        prediction, state = super().predict_window(inputs, state)
        return prediction._replace(log_probs=np.broadcast_to(self.log_probs, prediction.log_probs.shape)), state


@pytest.fixture(scope="session")
def toy_engine() -> type[ToyEngine]:
    return ToyEngine


@pytest.fixture(scope="session")
def fixed_engine() -> type[FixedEngine]:
    return FixedEngine


@pytest.fixture(scope="session")
def make_tokenizer() -> MakeTokenizer:
    """Makes a tokenizer of `<eos>`, `<unk>` and the given words."""

    def make(words: str | Sequence[str], kind: TokenizerKind = "word", line_ends: LineEnds = "line") -> Tokenizer:
        tokens = words.split() if isinstance(words, str) else words
        return Tokenizer(kind, line_ends, Vocabulary(("<eos>", "<unk>", *tokens)))

    return make


@pytest.fixture(scope="session")
def context_of() -> Callable[[Tokenizer, str], list[int]]:
    """Gives the ids of the words of a text that are typed to their end."""

    def context(tokenizer: Tokenizer, text: str) -> list[int]:
        typed = TypedText(tokenizer)
        typed.insert(text)
        return [piece.token_id for piece in typed.pieces]

    return context
