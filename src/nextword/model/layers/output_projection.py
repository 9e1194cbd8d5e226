"""The projection from hidden states to the vocabulary: the base class of all, and the linear one."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, override

import keras
from keras import ops

from nextword.model.layers.dropout import Dropout
from nextword.model.layers.initialization import InitializedLayer
from nextword.model.ops.cross_entropy import Candidates, TokenLosses, linear_cross_entropy, sampled_cross_entropy
from nextword.model.ops.recurrence import project


class TokenBatch(NamedTuple):
    """Hidden states and targets of flattened windows, with the options of the loss."""

    hidden: Any  # hidden states `(N, H)`
    targets: Any  # ids `(N,)`, int32
    weights: Any  # weights of the targets in the loss `(N,)`
    embeddings: Any = None  # embedding matrix `(V, E)` if the projection is tied
    num_steps: int = 1  # steps of each window; with locked dropout they share a mask
    training: bool = False  # whether to apply dropout and use the layer's `compute_dtype`
    ranks: bool = False  # whether to return the ranks of the targets; the result is then not differentiable
    candidates: Candidates | None = None  # tokens of a sampled softmax; default: the whole vocabulary


class Projection(InitializedLayer, ABC):
    """A layer from hidden states to the vocabulary that returns logits, or the loss without holding all logits."""

    dropout: Any = None
    """Dropout on the latent vectors, if there are any."""

    def __init__(self, vocabulary_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.vocabulary_size = vocabulary_size

    def training_logits(self, hidden: Any, embeddings: Any = None, candidates: Candidates | None = None) -> Any:
        """Return the logits of training: `(..., V)`, or `(..., C)` with the log-weights of candidates added."""
        logits = self(hidden, embeddings, training=True)
        return logits if candidates is None else ops.take(logits, candidates.ids, axis=-1) + candidates.log_weights

    @abstractmethod
    def losses_of(self, batch: TokenBatch) -> TokenLosses:
        """Return the loss of a batch of tokens; only a single softmax reads its candidates."""

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


@keras.saving.register_keras_serializable("nextword")
class OutputProjection(Projection):
    """A linear layer to the vocabulary that returns logits, or the loss without holding all logits.

    $z = h W + b$, where $W$ is a weight of the layer, or the transposed embedding matrix that the caller passes (tied
    weights: Press and Wolf 2017; Inan et al. 2017). With a `latent_size`, $z = (h P) W + b$. A tied embedding can then
    be narrower than the last layer (Melis, Dyer and Blunsom 2018, section 3).

    Args:
        vocabulary_size: `V`.
        tied: Whether the caller passes an embedding matrix $W^T$; the layer then has no kernel.
        latent_size: `E`, the width of the latent vectors $h P$; the width of the embedding if `tied`. Default: there is
            no $P$, and `E` is `H`.
        latent_dropout_rate: Dropout on the latent vectors in training.
        locked_dropout: Whether all steps of a window share a mask.
        options: Arguments of `nextword.model.layers.initialization.InitializedLayer`.

    Call arguments:
        hidden: `(..., H)`; `(B, T, H)` with dropout.
        embeddings: Embedding matrix `(V, E)` if `tied`.
        training: Whether to apply dropout.

    Returns:
        The logits `(..., V)`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        tied: bool = False,
        latent_size: int | None = None,
        latent_dropout_rate: float = 0.0,
        locked_dropout: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(vocabulary_size, **options)
        self.tied = tied
        self.latent_size = latent_size
        self.locked_dropout = locked_dropout
        self.kernel: Any = None
        if latent_size is not None:
            noise_shape = (None, 1, None) if locked_dropout else None
            seed = self.initialization.dropout_seed(self.name)
            self.dropout = Dropout(latent_dropout_rate, noise_shape, seed=seed)

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create $P$ `(H, E)` for latent vectors, the kernel `(E, V)` unless tied, and the bias `(V,)`."""
        width = hidden_shape[-1]
        if self.latent_size is not None:
            self.narrowing_kernel = self._kernel("narrowing_kernel", (width, self.latent_size))
            width = self.latent_size
        if not self.tied:
            self.kernel = self._kernel("kernel", (width, self.vocabulary_size), seed_name=self.name)
        self.bias = self._bias("bias", self.vocabulary_size)

    def call(self, hidden: Any, embeddings: Any = None, training: bool = False) -> Any:
        """Return the logits."""
        kernel = ops.transpose(embeddings) if self.tied else self.kernel
        return ops.matmul(self._latents(hidden, training), kernel) + self.bias

    @override
    def training_logits(self, hidden: Any, embeddings: Any = None, candidates: Candidates | None = None) -> Any:
        kernel, bias = embeddings if self.tied else self.kernel, self.bias
        if candidates is not None:
            kernel = ops.take(kernel, candidates.ids, axis=0 if self.tied else 1)
            bias = ops.take(bias, candidates.ids) + candidates.log_weights
        kernel = ops.transpose(kernel) if self.tied else kernel
        return project(self._latents(hidden, training=True), kernel, compute_dtype=self.product_dtype) + bias

    def _latents(self, hidden: Any, training: bool) -> Any:
        """Return the left operand of $W$ `(..., E)`."""
        if self.dropout is None:
            return hidden
        return self.dropout(ops.matmul(hidden, self.narrowing_kernel), training=training)

    def _latents_of(self, batch: TokenBatch) -> Any:
        """Return the latent vectors of a batch `(N, E)`, with the dropout of windows."""
        hidden = ops.reshape(batch.hidden, (-1, batch.num_steps, batch.hidden.shape[-1]))
        latents = self._latents(hidden, batch.training)
        return ops.reshape(latents, (-1, latents.shape[-1]))

    @override
    def losses_of(self, batch: TokenBatch) -> TokenLosses:
        hidden = batch.hidden if self.dropout is None else self._latents_of(batch)
        options: dict[str, Any] = {
            "kernel": batch.embeddings if self.tied else self.kernel,
            "bias": self.bias,
            "tied": self.tied,
        }
        if batch.candidates is not None:
            # Candidates exist only in training, so the precision is that of training.
            return sampled_cross_entropy(
                hidden, batch.candidates, batch.weights, compute_dtype=self.product_dtype, **options
            )
        return linear_cross_entropy(
            hidden,
            batch.targets,
            batch.weights,
            compute_dtype=self._precision_for(batch),
            ranks=batch.ranks,
            **options,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "tied": self.tied,
            "latent_size": self.latent_size,
            "latent_dropout_rate": 0.0 if self.dropout is None else self.dropout.rate,
            "locked_dropout": self.locked_dropout,
        }
