"""What all projections to the vocabulary have in common."""

from typing import Any, ClassVar, NamedTuple

from nextword.errors import SettingError
from nextword.models.layers.initialization import InitializedLayer
from nextword.ops.cross_entropy import TokenLosses
from nextword.ops.sampled_softmax import Candidates


class TokenBatch(NamedTuple):
    """Tokens to predict and what they are predicted from: all that a projection's loss reads.

    The rows are windows of `num_steps` steps, end to end.

    Attributes:
        hidden: Hidden states `(N, H)`.
        targets: Ids `(N,)`, int32.
        weights: How much each target counts `(N,)`.
        embeddings: The embedding matrix `(V, E)` if the projection is tied.
        num_steps: Steps of a window; under locked dropout they share a mask.
        training: Whether dropout acts and products run in the layer's `compute_dtype`.
        ranks: Whether to return the ranks of the targets; no gradient may be taken then.
        candidates: The tokens that the softmax runs over; all if left out.
        label_smoothing: See `nextword.ops.cross_entropy.linear_cross_entropy`.
        z_loss: See there, too.
    """

    hidden: Any
    targets: Any
    weights: Any
    embeddings: Any = None
    num_steps: int = 1
    training: bool = False
    ranks: bool = False
    candidates: Candidates | None = None
    label_smoothing: float = 0.0
    z_loss: float = 0.0


class Projection(InitializedLayer):
    """A layer from hidden states to the vocabulary that gives logits, or the loss without holding all logits.

    Args:
        vocabulary_size: `V`.
        options: Those of `nextword.models.layers.initialization.InitializedLayer`.
    """

    refused_terms: ClassVar[tuple[str, ...]] = ()
    """Terms of the loss that this kind of projection does not have: fields of `TokenBatch`."""

    dropout: Any = None
    """Dropout on the latent vectors of a projection that has them."""

    def __init__(self, vocabulary_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.vocabulary_size = vocabulary_size

    def losses_of(self, batch: TokenBatch) -> TokenLosses:
        """Return the loss of a batch of tokens.

        `nextword.training.options.TrainingOptions.check_softmax` refuses the same in the words of the settings.

        Raises:
            SettingError: The batch asks for a term of the loss that this kind of projection does not have, or for label
                smoothing, which spreads over the whole vocabulary, beside candidates.
        """
        for term in self.refused_terms:
            if getattr(batch, term):
                raise SettingError(f"`{term}` is no part of the loss of {type(self).__name__}; leave it out")
        if batch.candidates is not None and batch.label_smoothing:
            raise SettingError(
                f"`label_smoothing` must be 0 beside `candidates`, but is {batch.label_smoothing:g}; leave out one"
            )
        return self._token_losses(batch)

    def _token_losses(self, batch: TokenBatch) -> TokenLosses:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size}

    def _products_in(self, batch: TokenBatch) -> str:
        """Return the precision of the products: the lower one is for training alone."""
        return self.product_dtype if batch.training else "float32"

    def _kernel(self, name: str, shape: tuple[int | None, ...], seed_name: str | None = None) -> Any:
        initializer = self.initialization.kernel(seed_name or f"{self.name}/{name}")
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    def _bias(self, name: str, size: int) -> Any:
        return self.add_weight(shape=(size,), initializer="zeros", name=name)
