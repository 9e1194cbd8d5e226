"""The base class of all projections to the vocabulary."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from nextword.errors import SettingError
from nextword.model.layers.initialization import InitializedLayer
from nextword.model.ops.cross_entropy import TokenLosses
from nextword.model.ops.sampled_softmax import Candidates


class TokenBatch(NamedTuple):
    """Hidden states and targets of flattened windows, with the options of the loss.

    Attributes:
        hidden: Hidden states `(N, H)`.
        targets: Ids `(N,)`, int32.
        weights: Weights of the targets in the loss `(N,)`.
        embeddings: Embedding matrix `(V, E)` if the projection is tied.
        num_steps: Steps of each window; with locked dropout they share a mask.
        training: Whether to apply dropout and use the layer's `compute_dtype`.
        ranks: Whether to return the ranks of the targets; the result is then not differentiable.
        candidates: Tokens of a sampled softmax; default: the whole vocabulary.
        label_smoothing: See `nextword.model.ops.cross_entropy.linear_cross_entropy`.
        z_loss: See `nextword.model.ops.cross_entropy.linear_cross_entropy`.
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


class Projection(InitializedLayer, ABC):
    """A layer from hidden states to the vocabulary that returns logits, or the loss without holding all logits.

    Args:
        vocabulary_size: `V`.
        options: Arguments of `nextword.model.layers.initialization.InitializedLayer`.
    """

    unsupported_terms: ClassVar[tuple[str, ...]] = ()
    """Terms of the loss that this class does not support: fields of `TokenBatch`."""

    dropout: Any = None
    """Dropout on the latent vectors, if there are any."""

    def __init__(self, vocabulary_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.vocabulary_size = vocabulary_size

    def losses_of(self, batch: TokenBatch) -> TokenLosses:
        """Return the loss of a batch of tokens.

        `nextword.training.options.TrainingOptions.check_softmax` checks the same rules for the settings of a run.

        Raises:
            SettingError: The batch has a term of the loss that this class does not support, or candidates together with
                label smoothing, which needs the whole vocabulary.
        """
        for term in self.unsupported_terms:
            if getattr(batch, term):
                raise SettingError(f"{type(self).__name__} does not support `{term}`; remove it")
        if batch.candidates is not None and batch.label_smoothing:
            raise SettingError(
                f"`label_smoothing` must be 0 with `candidates`, but is {batch.label_smoothing:g}; remove one of them"
            )
        return self._token_losses(batch)

    @abstractmethod
    def _token_losses(self, batch: TokenBatch) -> TokenLosses:
        """Return the loss of a batch whose terms this class supports."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size}

    def _precision_for(self, batch: TokenBatch) -> str:
        """Return the precision of the products: `compute_dtype` in training, otherwise float32."""
        return self.product_dtype if batch.training else "float32"

    def _kernel(self, name: str, shape: tuple[int | None, ...], seed_name: str | None = None) -> Any:
        initializer = self.initialization.kernel(seed_name or f"{self.name}/{name}")
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    def _bias(self, name: str, size: int) -> Any:
        return self.add_weight(shape=(size,), initializer="zeros", name=name)
