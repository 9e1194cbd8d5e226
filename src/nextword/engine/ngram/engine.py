"""An n-gram model alone, as an engine."""

from typing import Any

import numpy as np

from nextword.batching.window import TokenIds
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.ngram.backoff_model import BackoffTokens
from nextword.engine.ngram.kneser_ney import KneserNeyModel


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
