"""The projection from hidden states to the vocabulary, and its loss."""

from typing import Any

import keras
from keras import ops

from nextword.models.layers.initialization import Initialization
from nextword.ops.cross_entropy import TokenLosses, linear_cross_entropy
from nextword.ops.sampled_softmax import Candidates, sampled_cross_entropy


@keras.saving.register_keras_serializable("nextword")
class OutputProjection(keras.layers.Layer):
    r"""A linear layer to the vocabulary that can give logits, or the loss without ever holding the logits.

    $z = h W + b$, with $W$ of its own, or the transposed embedding matrix that the caller hands in (tied weights:
    Press and Wolf 2017; Inan et al. 2017).

    Args:
        vocabulary_size: `V`.
        tied: Whether the caller hands in an embedding matrix `(V, H)`; then the layer has a bias alone.
        initialization: How the kernel begins.
        compute_dtype: Precision of the matrix products in training, `float32` or `bfloat16`; prediction is float32.

    Call arguments:
        hidden: `(..., H)`.
        embeddings: The embedding matrix `(V, H)` where `tied`.

    Returns:
        The logits `(..., V)`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        tied: bool = False,
        initialization: Initialization | None = None,
        compute_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.tied = tied
        self.initialization = initialization or Initialization()
        self.product_dtype = compute_dtype
        self.kernel: Any = None

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create the bias `(V,)`, and the kernel `(H, V)` unless tied."""
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

    def losses_of(
        self,
        hidden: Any,
        targets: Any,
        weights: Any,
        *,
        embeddings: Any = None,
        training: bool = False,
        ranks: bool = False,
        candidates: Candidates | None = None,
        num_steps: int = 1,
        **loss: float,
    ) -> TokenLosses:
        """Return the loss of `targets` `(N,)` with `weights` `(N,)` from `hidden` `(N, H)`.

        With `candidates`, the softmax runs over them alone. The rows are windows of `num_steps` steps laid end to end,
        which makes no difference here. `loss` are `label_smoothing` and `z_loss` of
        `nextword.ops.cross_entropy.linear_cross_entropy`.
        """
        del num_steps
        if candidates is not None:
            return sampled_cross_entropy(
                hidden,
                candidates,
                weights,
                kernel=embeddings if self.tied else self.kernel,
                bias=self.bias,
                tied=self.tied,
                compute_dtype=self.product_dtype,
                **loss,
            )
        return linear_cross_entropy(
            hidden,
            targets,
            weights,
            kernel=embeddings if self.tied else self.kernel,
            bias=self.bias,
            tied=self.tied,
            compute_dtype=self.product_dtype if training else "float32",
            ranks=ranks,
            **loss,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "tied": self.tied,
            "initialization": self.initialization.to_table(),
            "compute_dtype": self.product_dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OutputProjection":
        """Rebuild the layer from `get_config`."""
        return cls(**{**config, "initialization": Initialization.from_table(config["initialization"])})
