"""The projection from hidden states to the vocabulary."""

from typing import Any, NamedTuple

import keras
from keras import ops

from nextword.model.layers.initialization import InitializedLayer
from nextword.model.ops.cross_entropy import Candidates, TokenLosses, linear_cross_entropy, sampled_cross_entropy
from nextword.model.ops.recurrence import project


class TokenBatch(NamedTuple):
    """Hidden states and targets of flattened windows, with the options of the loss."""

    hidden: Any  # hidden states `(N, H)`
    targets: Any  # ids `(N,)`, int32
    weights: Any  # weights of the targets in the loss `(N,)`
    embeddings: Any = None  # embedding matrix `(V, E)` if the projection is tied
    training: bool = False  # whether to use the layer's `compute_dtype` instead of float32
    ranks: bool = False  # whether to return the ranks of the targets; the result is then not differentiable
    candidates: Candidates | None = None  # tokens of a sampled softmax; default: the whole vocabulary


@keras.saving.register_keras_serializable("nextword")
class OutputProjection(InitializedLayer):
    """A linear layer to the vocabulary that returns logits, or the loss without holding all logits.

    $z = h W + b$, where $W$ is a weight of the layer, or the transposed embedding matrix that the caller passes (tied
    weights: Press and Wolf 2017; Inan et al. 2017).

    Args:
        vocabulary_size: `V`.
        tied: Whether the caller passes an embedding matrix $W^T$ `(V, H)`; the layer then has no kernel.
        options: Arguments of `nextword.model.layers.initialization.InitializedLayer`.

    Call arguments:
        hidden: `(..., H)`.
        embeddings: Embedding matrix `(V, H)` if `tied`.

    Returns:
        The logits `(..., V)`.
    """

    def __init__(self, vocabulary_size: int, *, tied: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.vocabulary_size = vocabulary_size
        self.tied = tied
        self.kernel: Any = None

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create the kernel `(H, V)` unless tied, and the bias `(V,)`."""
        if not self.tied:
            self.kernel = self.add_weight(
                shape=(hidden_shape[-1], self.vocabulary_size),
                initializer=self.initialization.kernel(self.name),
                name="kernel",
            )
        self.bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="bias")

    def call(self, hidden: Any, embeddings: Any = None) -> Any:
        """Return the logits."""
        kernel = ops.transpose(embeddings) if self.tied else self.kernel
        return ops.matmul(hidden, kernel) + self.bias

    def training_logits(self, hidden: Any, embeddings: Any = None, candidates: Candidates | None = None) -> Any:
        """Return the logits of training: `(..., V)`, or `(..., C)` with the log-weights of candidates added."""
        kernel, bias = embeddings if self.tied else self.kernel, self.bias
        if candidates is not None:
            kernel = ops.take(kernel, candidates.ids, axis=0 if self.tied else 1)
            bias = ops.take(bias, candidates.ids) + candidates.log_weights
        kernel = ops.transpose(kernel) if self.tied else kernel
        return project(hidden, kernel, compute_dtype=self.product_dtype) + bias

    def losses_of(self, batch: TokenBatch) -> TokenLosses:
        """Return the loss of a batch of tokens."""
        options: dict[str, Any] = {
            "kernel": batch.embeddings if self.tied else self.kernel,
            "bias": self.bias,
            "tied": self.tied,
            "compute_dtype": self.product_dtype if batch.training else "float32",
        }
        if batch.candidates is not None:
            return sampled_cross_entropy(batch.hidden, batch.candidates, batch.weights, **options)
        return linear_cross_entropy(batch.hidden, batch.targets, batch.weights, ranks=batch.ranks, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size, "tied": self.tied}
