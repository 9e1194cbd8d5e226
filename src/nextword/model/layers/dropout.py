"""Dropout of activations, words and weights."""

from typing import Any

import keras
from keras import ops

from nextword.model.ops.dropout import dropout


@keras.saving.register_keras_serializable("nextword")
class Dropout(keras.layers.Dropout):
    r"""`keras.layers.Dropout` with faster masks on JAX.

    In training, $y = m \odot x / (1 - p)$ with $m \sim \text{Bernoulli}(1 - p)$ drawn in every call. Otherwise
    $y = x$.

    Args:
        rate: $p$, in [0, 1].
        noise_shape: Shape of $m$, with 1 for each axis that shares a mask; `(None, 1, None)` shares it between all
            steps of a window (locked or variational dropout, Gal and Ghahramani 2016).
        seed: Seed of the masks.

    Call arguments:
        inputs: $x$.
        training: Whether to apply dropout.

    Source:
        Srivastava et al. (2014); between the layers of an LSTM, Zaremba, Sutskever and Vinyals (2014).
    """

    has_rows = True
    """Whether the first axis of the inputs is that of the batch."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs after dropout."""
        if not (training and self.rate):
            return inputs
        options: dict[str, Any] = {"noise_shape": self.noise_shape, "has_rows": self.has_rows}
        return dropout(inputs, self.rate, seed=self.seed_generator, **options)


@keras.saving.register_keras_serializable("nextword")
class EmbeddingDropout(keras.layers.Layer):
    r"""Drops words from the input of a window, at all their positions.

    There is one mask $m \in \{0, 1\}^V$ for a window. The embedded token $x_t$ of word $w_t$ becomes
    $x_t \, m_{w_t} / (1 - p)$, as if rows of the embedding matrix were dropped. An output projection that shares the
    matrix still uses all rows.

    Call arguments:
        embedded: Embedded tokens `(B, T, E)`.
        tokens: Token ids `(B, T)`, int32.
        training: Whether to apply dropout.

    Source:
        Gal and Ghahramani (2016), section 4.2; Merity, Keskar and Socher (2018), section 4.3.
    """

    def __init__(self, vocabulary_size: int, rate: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.rate = rate
        self.seed = seed
        if rate:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, embedded: Any, tokens: Any, training: bool = False) -> Any:
        """Return the embedded tokens, with zeros for dropped words."""
        if not (training and self.rate):
            return embedded
        words = ops.ones((self.vocabulary_size,))
        mask = dropout(words, self.rate, seed=self.seed_generator, has_rows=False)
        return embedded * ops.take(mask, tokens)[..., None]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size, "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("nextword")
class WeightDrop(Dropout):
    r"""Sets single weights of a matrix to zero in training, the same ones in all steps of a window.

    $$\tilde{V} = \frac{M \odot V}{1 - p}, \quad M_{ij} \sim \text{Bernoulli}(1 - p)$$

    On the recurrent kernel $V$ of a layer, it regularizes the recurrent connections without masking the states, so the
    recurrence is as fast as without it. The computation is that of `Dropout`, applied to weights.

    Source:
        Wan et al. (2013); on recurrent weights, Merity, Keskar and Socher (2018), section 2.
    """

    has_rows = False
