"""The projection to the vocabulary by way of a narrower vector."""

from typing import Any

import keras
from keras import ops

from nextword.models.layers.dropout import Dropout
from nextword.models.layers.output_projection import OutputProjection
from nextword.models.layers.projection import TokenBatch
from nextword.ops.cross_entropy import TokenLosses


@keras.saving.register_keras_serializable("nextword")
class NarrowedProjection(OutputProjection):
    r"""A linear layer to the vocabulary after one to the width of the embedding.

    $z = (h P) W + b$: with tied weights the embedding may so be narrower than the last layer. It is
    `OutputProjection`, but for $P$.

    Args:
        vocabulary_size: `V`.
        latent_size: Columns of $P$; width of the embedding if `tied`.
        latent_dropout_rate: Dropout on $h P$ in training.
        locked_dropout: Whether one mask is drawn for all steps of a window.
        kwargs: The other arguments of `OutputProjection`.

    Call arguments:
        hidden: `(..., H)`; `(B, T, H)` if dropout acts.
        embeddings: The embedding matrix `(V, E)` if `tied`.
        training: Whether dropout acts.

    Returns:
        The logits `(..., V)`.

    Source:
        Melis, Dyer and Blunsom (2018), "On the state of the art of evaluation in neural language models", section 3.

    Example:
        >>> layer = NarrowedProjection(7, latent_size=4)
        >>> layer(ops.ones((2, 5, 6))).shape, layer.narrowing_kernel.shape, layer.kernel.shape
        ((2, 5, 7), (6, 4), (4, 7))
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        latent_size: int,
        latent_dropout_rate: float = 0.0,
        locked_dropout: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocabulary_size, **kwargs)
        self.latent_size = latent_size
        self.locked_dropout = locked_dropout
        self.dropout = Dropout(
            latent_dropout_rate,
            (None, 1, None) if locked_dropout else None,
            seed=self.initialization.dropout_seed(self.name),
        )

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create $P$ `(H, E)`, the bias `(V,)`, and $W$ `(E, V)` unless tied."""
        self.narrowing_kernel = self._kernel("narrowing_kernel", (hidden_shape[-1], self.latent_size))
        super().build((*hidden_shape[:-1], self.latent_size))

    def call(self, hidden: Any, embeddings: Any = None, training: bool = False) -> Any:
        """Return the logits."""
        return super().call(self._narrowed(hidden, training), embeddings)

    def _token_losses(self, batch: TokenBatch) -> TokenLosses:
        hidden = ops.reshape(batch.hidden, (-1, batch.num_steps, batch.hidden.shape[-1]))
        narrowed = ops.reshape(self._narrowed(hidden, batch.training), (-1, self.latent_size))
        return super()._token_losses(batch._replace(hidden=narrowed))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "latent_size": self.latent_size,
            "latent_dropout_rate": self.dropout.rate,
            "locked_dropout": self.locked_dropout,
        }

    def _narrowed(self, hidden: Any, training: bool) -> Any:
        return self.dropout(ops.matmul(hidden, self.narrowing_kernel), training=training)
