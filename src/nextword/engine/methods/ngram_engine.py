"""An n-gram model alone, as an engine."""

from pathlib import Path
from typing import Any, override

import numpy as np

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.ngram.arpa import read_arpa
from nextword.engine.ngram.backoff_model import BEGIN, BackoffTokens
from nextword.engine.ngram.backoff_model import END as SENTENCE_END
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.text_model import TextModel
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.spelling import SpellingModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, Vocabulary


class NgramModelEngine(DistributionEngine):
    """Predicts with an n-gram model and nothing else; `NgramEngine` mixes one with another engine.

    A state holds the last tokens read `(B, order - 1)`, int32, never changed in place.

    Args:
        model: The n-gram model.
        end_id: The id of `<eos>`.

    Example:
        >>> model = KneserNeyModel.fit(np.array([1, 2, 0, 1, 2, 0], np.int32), 3, vocabulary_size=4, end_id=0)
        >>> engine = NgramModelEngine(model, end_id=0)
        >>> log_probs, _ = engine.step(np.array([1]), engine.start(1))
        >>> int(log_probs.argmax())
        2
    """

    def __init__(self, model: KneserNeyModel | BackoffTokens, *, end_id: int) -> None:
        super().__init__(vocabulary_size=model.vocabulary_size, end_id=end_id)
        self._model = model

    def start(self, batch_size: int) -> State:
        """Return the state at the start of a text, after one `<eos>`."""
        return np.full((batch_size, self._model.order - 1), self.end_id, np.int32)

    def predict_window(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, State]:
        """Predict a window; see `Engine.predict_window`."""
        length = self._model.order - 1
        read = np.concatenate((state, inputs), axis=1).astype(np.int32)  # (B, order - 1 + T)
        contexts = np.lib.stride_tricks.sliding_window_view(read, length, axis=1)[:, 1:] if length else read[..., :0]
        log_probs = self._model.log_probs(contexts.reshape(inputs.size, length))
        log_probs = log_probs.reshape(*inputs.shape, self.vocabulary_size)
        return WindowPrediction(log_probs, None), read[:, read.shape[1] - length :]


def arpa_model(path: Path) -> TextModel:
    """Read an ARPA file as a text model whose tokens are words between spaces, with the scores of `nextword.kenlm`.

    Raises:
        TextError: The file cannot be read, or is not an ARPA file.
    """
    model = read_arpa(path)
    words = [number for number, word in enumerate(model.words) if word != BEGIN]
    tokens = (END if model.words[number] == SENTENCE_END else model.words[number] for number in words)
    vocabulary = Vocabulary(tuple(tokens))
    engine = NgramModelEngine(BackoffTokens(model, np.array(words)), end_id=vocabulary.end_id)
    return TextModel(engine, Tokenizer("pretokenized", "line", vocabulary, _Unspelled({})))


class _Unspelled(SpellingModel):
    """Charges nothing, because the `<unk>` of an ARPA file stands for one unknown word, not for all together."""

    @override
    def log_prob(self, word: str) -> float:
        return 0.0
