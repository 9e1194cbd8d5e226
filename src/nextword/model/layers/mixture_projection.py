"""The mixture of softmaxes: a projection to the vocabulary with log-probabilities of high rank."""

from typing import Any, override

import keras
from keras import ops

from nextword.model.layers.output_projection import OutputProjection, Projection, TokenBatch
from nextword.model.ops.cross_entropy import TokenLosses
from nextword.model.ops.mixture_cross_entropy import mixture_cross_entropy, mixture_log_probs


@keras.saving.register_keras_serializable("nextword")
class MixtureProjection(OutputProjection):
    r"""A weighted mean of `K` softmaxes that share one projection and have separate latent vectors.

    $$z_k = \tanh(h W_k + b_k), \quad \pi = \mathrm{softmax}(h U), \quad
    p(v) = \sum_k \pi_k \, \mathrm{softmax}(z_k W + b)_v$$

    The logits of a softmax over a linear projection have rank `E` at most, for any number of contexts. The logarithm
    of a mixture does not have this limit. $W$ is a weight of the layer, or the transposed embedding matrix that the
    caller passes. The hidden state may have any width. Log-probabilities take the place of the logits. A call holds
    the logits `(..., K, V)` in memory; `losses_of` does not.

    Source:
        Yang, Dai, Salakhutdinov and Cohen (2018), "Breaking the softmax bottleneck: a high-rank RNN language model".
    """

    training_logits = Projection.training_logits

    latent_size: int

    def __init__(self, vocabulary_size: int, *, mixture_size: int, latent_size: int, **options: Any) -> None:
        super().__init__(vocabulary_size, latent_size=latent_size, **options)
        self.mixture_size = mixture_size

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create $U$ `(H, K)`, all $W_k$ as `(H, K * E)`, all $b_k$, $b$ and, unless tied, $W$ `(E, V)`."""
        hidden_size, latent_width = hidden_shape[-1], self.mixture_size * self.latent_size
        self.prior_kernel = self._kernel("prior_kernel", (hidden_size, self.mixture_size))
        self.latent_kernel = self._kernel("latent_kernel", (hidden_size, latent_width))
        self.latent_bias = self._bias("latent_bias", latent_width)
        if not self.tied:
            self.kernel = self._kernel("kernel", (self.latent_size, self.vocabulary_size))
        self.bias = self._bias("bias", self.vocabulary_size)

    def call(self, hidden: Any, embeddings: Any = None, training: bool = False) -> Any:
        """Return the log-probabilities of all tokens."""
        latents, kernel = self._latents(hidden, training), embeddings if self.tied else self.kernel
        return mixture_log_probs(latents, self._log_priors(hidden), kernel=kernel, bias=self.bias, tied=self.tied)

    @override
    def losses_of(self, batch: TokenBatch) -> TokenLosses:
        return mixture_cross_entropy(
            ops.reshape(self._latents_of(batch), (-1, self.mixture_size, self.latent_size)),
            self._log_priors(batch.hidden),
            batch.targets,
            batch.weights,
            kernel=batch.embeddings if self.tied else self.kernel,
            bias=self.bias,
            tied=self.tied,
            compute_dtype=self._precision_for(batch),
            ranks=batch.ranks,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "mixture_size": self.mixture_size}

    def _latents(self, hidden: Any, training: bool) -> Any:
        """Return the latent vectors `(..., K, E)`."""
        latents = ops.tanh(ops.matmul(hidden, self.latent_kernel) + self.latent_bias)
        latents = self.dropout(latents, training=training)
        return ops.reshape(latents, (*ops.shape(hidden)[:-1], self.mixture_size, self.latent_size))

    def _log_priors(self, hidden: Any) -> Any:
        return ops.log_softmax(ops.matmul(hidden, self.prior_kernel))
