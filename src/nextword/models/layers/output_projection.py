"""The projection from hidden states to the vocabulary, and its loss."""

from typing import Any

import keras
from keras import ops

from nextword.models.layers.projection import Projection, TokenBatch
from nextword.ops.cross_entropy import TokenLosses, linear_cross_entropy
from nextword.ops.sampled_softmax import sampled_cross_entropy


@keras.saving.register_keras_serializable("nextword")
class OutputProjection(Projection):
    r"""A linear layer to the vocabulary that can give logits, or the loss without ever holding the logits.

    $z = h W + b$, with $W$ of its own, or the transposed embedding matrix that the caller hands in (tied weights:
    Press and Wolf 2017; Inan et al. 2017).

    Args:
        vocabulary_size: `V`.
        tied: Whether the caller hands in an embedding matrix `(V, H)`; then the layer has a bias alone.
        options: Those of `nextword.models.layers.initialization.InitializedLayer`.

    Call arguments:
        hidden: `(..., H)`.
        embeddings: The embedding matrix `(V, H)` if `tied`.

    Returns:
        The logits `(..., V)`.
    """

    def __init__(self, vocabulary_size: int, *, tied: bool = False, **options: Any) -> None:
        super().__init__(vocabulary_size, **options)
        self.tied = tied
        self.kernel: Any = None

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create the bias `(V,)`, and the kernel `(H, V)` unless tied."""
        if not self.tied:
            self.kernel = self._kernel("kernel", (hidden_shape[-1], self.vocabulary_size), seed_name=self.name)
        self.bias = self._bias("bias", self.vocabulary_size)

    def call(self, hidden: Any, embeddings: Any = None) -> Any:
        """Return the logits."""
        kernel = ops.transpose(embeddings) if self.tied else self.kernel
        return ops.matmul(hidden, kernel) + self.bias

    def _token_losses(self, batch: TokenBatch) -> TokenLosses:
        options: dict[str, Any] = {
            "kernel": batch.embeddings if self.tied else self.kernel,
            "bias": self.bias,
            "tied": self.tied,
            "z_loss": batch.z_loss,
        }
        if batch.candidates is not None:
            # The candidates are drawn in training alone.
            return sampled_cross_entropy(
                batch.hidden, batch.candidates, batch.weights, compute_dtype=self.product_dtype, **options
            )
        return linear_cross_entropy(
            batch.hidden,
            batch.targets,
            batch.weights,
            compute_dtype=self._products_in(batch),
            label_smoothing=batch.label_smoothing,
            ranks=batch.ranks,
            **options,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "tied": self.tied}
