"""A recurrent model in a few lines of NumPy, for tests of everything that uses an engine."""

import numpy as np

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, WindowPrediction
from nextword.text.batching.window import TokenIds


class ToyEngine(DistributionEngine):
    """h = tanh(h A + E[x]), p = softmax(b h W), without BLAS: each row is bit-identical to the same row alone.

    Args:
        vocabulary_size: `V`.
        end_id: The id of `<eos>`.
        seed: Seed of the weights.
        hidden_size: `H`.
        logit_scale: `b`; with 0 all tokens have the same probability.
        gives_hidden: Whether its predictions include hidden states.

    Attributes:
        shapes: `(B, T)` of each window that it processed.
    """

    def __init__(
        self,
        vocabulary_size: int,
        end_id: int,
        *,
        seed: int = 1,
        hidden_size: int = 4,
        logit_scale: float = 2.0,
        gives_hidden: bool = True,
    ) -> None:
        super().__init__(vocabulary_size=vocabulary_size, end_id=end_id)
        random = np.random.default_rng(seed)
        self._recurrent = random.normal(size=(hidden_size, hidden_size)).astype(np.float32)
        self._embedding = random.normal(size=(vocabulary_size, hidden_size)).astype(np.float32)
        self._output = (logit_scale * random.normal(size=(hidden_size, vocabulary_size))).astype(np.float32)
        self._gives_hidden = gives_hidden
        self.shapes: list[tuple[int, int]] = []

    @property
    def batch_sizes(self) -> list[int]:
        """`B` of each window that it processed."""
        return [batch_size for batch_size, _ in self.shapes]

    @property
    def num_read(self) -> int:
        """Number of tokens that it processed."""
        return sum(batch_size * num_steps for batch_size, num_steps in self.shapes)

    def start(self, batch_size: int) -> State:
        return np.zeros((batch_size, len(self._recurrent)), np.float32)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self.shapes.append((inputs.shape[0], inputs.shape[1]))
        hidden, predicted = [], []
        for column in inputs.T:
            state = np.tanh((state[:, :, None] * self._recurrent).sum(axis=1) + self._embedding[column])
            logits = (state[:, :, None] * self._output).sum(axis=1)
            hidden.append(state)
            predicted.append(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))
        log_probs = np.stack(predicted, axis=1).astype(np.float32)
        return WindowPrediction(log_probs, np.stack(hidden, axis=1) if self._gives_hidden else None), state
