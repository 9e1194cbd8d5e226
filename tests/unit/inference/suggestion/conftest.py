"""Engines that record their inputs."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from nextword.engine.engine import State, WindowPrediction
from nextword.inference.suggestion.typed_text import TypedText
from nextword.text.batching.window import TokenIds
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

MakeTokenizer = Callable[..., Tokenizer]


class FixedEngine(ToyEngine):
    """Predicts the same distribution after every text, and records its inputs."""

    def __init__(self, vocabulary: Vocabulary, weights: Sequence[float]) -> None:
        super().__init__(len(vocabulary), vocabulary.end_id)
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
def toy_engine() -> Callable[..., ToyEngine]:
    def made(vocabulary: Vocabulary, *, seed: int = 1, gives_hidden: bool = True) -> ToyEngine:
        return ToyEngine(len(vocabulary), vocabulary.end_id, seed=seed, gives_hidden=gives_hidden)

    return made


@pytest.fixture(scope="session")
def fixed_engine() -> type[FixedEngine]:
    return FixedEngine


@pytest.fixture(scope="session")
def make_tokenizer() -> MakeTokenizer:
    """Returns a tokenizer for `<eos>`, `<unk>` and the given words."""

    def make(words: str | Sequence[str], kind: TokenizerKind = "word", line_ends: LineEnds = "line") -> Tokenizer:
        tokens = words.split() if isinstance(words, str) else words
        return Tokenizer(kind, line_ends, Vocabulary(("<eos>", "<unk>", *tokens)))

    return make


@pytest.fixture(scope="session")
def context_of() -> Callable[[Tokenizer, str], list[int]]:
    """Returns the ids of the complete words of a text."""

    def context(tokenizer: Tokenizer, text: str) -> list[int]:
        typed = TypedText(tokenizer)
        typed.insert(text)
        return [piece.token_id for piece in typed.pieces]

    return context
