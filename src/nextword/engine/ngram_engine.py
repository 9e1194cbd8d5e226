"""An n-gram model as an engine."""

from typing import Any, override

import numpy as np

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.text.batching.window import TokenIds


class NgramModelEngine(DistributionEngine):
    """Predicts with an n-gram model and nothing else.

    A state holds the last tokens read `(B, order - 1)`, int32, never changed in place.
    """

    def __init__(self, model: KneserNeyModel, *, end_id: int) -> None:
        super().__init__(vocabulary_size=model.vocabulary_size, end_id=end_id)
        self._model = model

    def start(self, batch_size: int) -> State:
        """Return the state at the start of a text, after one `<eos>`."""
        return np.full((batch_size, self._model.order - 1), self.end_id, np.int32)

    @override
    def predict_window(self, inputs: TokenIds, state: Any) -> tuple[WindowPrediction, State]:
        length = self._model.order - 1
        read = np.concatenate((state, inputs), axis=1).astype(np.int32)  # (B, order - 1 + T)
        contexts = np.lib.stride_tricks.sliding_window_view(read, length, axis=1)[:, 1:] if length else read[..., :0]
        log_probs = self._model.log_probs(contexts.reshape(inputs.size, length))
        log_probs = log_probs.reshape(*inputs.shape, self.vocabulary_size)
        return WindowPrediction(log_probs, None), read[:, read.shape[1] - length :]
