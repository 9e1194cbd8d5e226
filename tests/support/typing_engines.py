"""Engines that record their inputs, and tokenizers of a few words, for suggestions."""

from collections.abc import Sequence

import numpy as np

from nextword.engine.engine import State, WindowPrediction
from nextword.inference.suggestion.typed_text import TypedText
from nextword.text.batching.window import TokenIds
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine


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


def toy_engine(vocabulary: Vocabulary, *, seed: int = 1, gives_hidden: bool = True) -> ToyEngine:
    """Return a recurrent engine for a vocabulary."""
    return ToyEngine(len(vocabulary), vocabulary.end_id, seed=seed, gives_hidden=gives_hidden)


def make_tokenizer(words: str | Sequence[str], kind: TokenizerKind = "word", line_ends: LineEnds = "line") -> Tokenizer:
    """Return a tokenizer for `<eos>`, `<unk>` and the given words."""
    tokens = words.split() if isinstance(words, str) else words
    return Tokenizer(kind, line_ends, Vocabulary(("<eos>", "<unk>", *tokens)))


def context_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of the complete words of a text."""
    typed = TypedText(tokenizer)
    typed.insert(text)
    return [piece.token_id for piece in typed.pieces]
