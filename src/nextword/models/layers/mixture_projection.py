"""The mixture of softmaxes: a projection to the vocabulary whose log-probabilities may have a high rank."""

from typing import Any

import keras
from keras import ops

from nextword.models.layers.dropout import Dropout
from nextword.models.layers.initialization import Initialization
from nextword.ops.cross_entropy import TokenLosses
from nextword.ops.mixture_cross_entropy import mixture_cross_entropy, mixture_log_probs


@keras.saving.register_keras_serializable("nextword")
class MixtureProjection(keras.layers.Layer):
    r"""A weighted mean of `K` softmaxes over one projection, each of a latent vector of its own.

    $$z_k = \tanh(h W_k + b_k), \quad \pi = \mathrm{softmax}(h U), \quad
    p(v) = \sum_k \pi_k \, \mathrm{softmax}(z_k W + b)_v$$

    A softmax over a linear projection can tell no more than `E` contexts apart linearly, however many there are; the
    logarithm of a mixture is not bound to that rank. $W$ is the layer's own, or the transposed embedding matrix that
    the caller hands in; the hidden state may be of any width.

    Args:
        vocabulary_size: `V`.
        mixture_size: `K`.
        latent_size: `E`, the width of the latent vectors; that of the embedding where `tied`.
        tied: Whether the caller hands in an embedding matrix `(V, E)` as $W^T$.
        latent_dropout_rate: Dropout on the latent vectors in training.
        locked_dropout: Whether one mask is drawn for all steps of a window.
        initialization: How the kernels begin, and the seed of the masks.
        compute_dtype: Precision of the products with $W$ in training, `float32` or `bfloat16`; prediction is float32.

    Call arguments:
        hidden: `(..., H)`; `(B, T, H)` where dropout acts.
        embeddings: The embedding matrix `(V, E)` where `tied`.
        training: Whether dropout acts.

    Returns:
        The log-probabilities `(..., V)`, which are logits as well. All `K` times as many logits are held at once; what
        `losses_of` does not do.

    Source:
        Yang, Dai, Salakhutdinov and Cohen (2018), "Breaking the softmax bottleneck: a high-rank RNN language model".

    Example:
        >>> layer = MixtureProjection(7, mixture_size=3, latent_size=4)
        >>> log_probs = layer(ops.ones((2, 5, 6)))
        >>> log_probs.shape, bool(ops.all(ops.abs(ops.sum(ops.exp(log_probs), axis=-1) - 1) < 1e-5))
        ((2, 5, 7), True)
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        mixture_size: int,
        latent_size: int,
        tied: bool = False,
        latent_dropout_rate: float = 0.0,
        locked_dropout: bool = False,
        initialization: Initialization | None = None,
        compute_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.mixture_size = mixture_size
        self.latent_size = latent_size
        self.tied = tied
        self.locked_dropout = locked_dropout
        self.initialization = initialization or Initialization()
        self.product_dtype = compute_dtype
        self.kernel: Any = None
        self.dropout = Dropout(
            latent_dropout_rate,
            (None, 1, None) if locked_dropout else None,
            seed=self.initialization.dropout_seed(self.name),
        )

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create $U$ `(H, K)`, all $W_k$ side by side `(H, K * E)`, all $b_k$, $W$ `(E, V)` unless tied, and $b$."""
        hidden_size, latent_width = hidden_shape[-1], self.mixture_size * self.latent_size
        self.prior_kernel = self._kernel("prior_kernel", (hidden_size, self.mixture_size))
        self.latent_kernel = self._kernel("latent_kernel", (hidden_size, latent_width))
        self.latent_bias = self.add_weight(shape=(latent_width,), initializer="zeros", name="latent_bias")
        if not self.tied:
            self.kernel = self._kernel("kernel", (self.latent_size, self.vocabulary_size))
        self.bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="bias")

    def call(self, hidden: Any, embeddings: Any = None, training: bool = False) -> Any:
        """Return the log-probabilities of all tokens."""
        latents, kernel = self._latents(hidden, training), embeddings if self.tied else self.kernel
        return mixture_log_probs(latents, self._log_priors(hidden), kernel=kernel, bias=self.bias, tied=self.tied)

    def losses_of(
        self,
        hidden: Any,
        targets: Any,
        weights: Any,
        *,
        embeddings: Any = None,
        training: bool = False,
        ranks: bool = False,
        num_steps: int = 1,
    ) -> TokenLosses:
        """Return the loss of `targets` `(N,)` with `weights` `(N,)` from `hidden` `(N, H)`.

        The rows are windows of `num_steps` steps laid end to end; under `locked_dropout` the steps of a window share a
        mask.
        """
        latents = self._latents(ops.reshape(hidden, (-1, num_steps, hidden.shape[-1])), training)
        return mixture_cross_entropy(
            ops.reshape(latents, (-1, self.mixture_size, self.latent_size)),
            self._log_priors(hidden),
            targets,
            weights,
            kernel=embeddings if self.tied else self.kernel,
            bias=self.bias,
            tied=self.tied,
            compute_dtype=self.product_dtype if training else "float32",
            ranks=ranks,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "mixture_size": self.mixture_size,
            "latent_size": self.latent_size,
            "tied": self.tied,
            "latent_dropout_rate": self.dropout.rate,
            "locked_dropout": self.locked_dropout,
            "initialization": self.initialization.to_table(),
            "compute_dtype": self.product_dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MixtureProjection":
        """Rebuild the layer from `get_config`."""
        return cls(**{**config, "initialization": Initialization.from_table(config["initialization"])})

    def _latents(self, hidden: Any, training: bool) -> Any:
        """Return the latent vectors `(..., K, E)`."""
        latents = ops.tanh(ops.matmul(hidden, self.latent_kernel) + self.latent_bias)
        latents = self.dropout(latents, training=training)
        return ops.reshape(latents, (*ops.shape(hidden)[:-1], self.mixture_size, self.latent_size))

    def _log_priors(self, hidden: Any) -> Any:
        return ops.log_softmax(ops.matmul(hidden, self.prior_kernel))

    def _kernel(self, name: str, shape: tuple[int | None, ...]) -> Any:
        initializer = self.initialization.kernel(f"{self.name}/{name}")
        return self.add_weight(shape=shape, initializer=initializer, name=name)
