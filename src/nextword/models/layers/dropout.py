"""Dropout of activations."""

from typing import Any

import keras
from keras import ops

from nextword.ops.dropout import dropout


@keras.saving.register_keras_serializable("nextword")
class Dropout(keras.layers.Dropout):
    r"""`keras.layers.Dropout`, whose masks on JAX take next to no time.

    $y = m \odot x / (1 - p)$ in training, with $m \sim \text{Bernoulli}(1 - p)$ drawn in every call, and $y = x$
    otherwise.

    Args:
        rate: $p$, in [0, 1].
        noise_shape: Shape of $m$; 1 along the axes that share one mask, `(None, 1, None)` for all steps of a window
            (locked or variational dropout, Gal and Ghahramani 2016).
        seed: Seed of the masks.

    Call arguments:
        inputs: $x$.
        training: Whether anything is dropped.

    Source:
        Srivastava et al. (2014); between the layers of an LSTM, Zaremba, Sutskever and Vinyals (2014).

    Example:
        >>> from keras import ops
        >>> dropped = Dropout(0.5, noise_shape=(None, 1, None), seed=1)(ops.ones((2, 3, 8)), training=True)
        >>> bool(ops.all(dropped[:, 0] == dropped[:, 2]))
        True
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, a part of them at zero."""
        if not (training and self.rate):
            return inputs
        return dropout(inputs, self.rate, seed=self.seed_generator, noise_shape=self.noise_shape)


@keras.saving.register_keras_serializable("nextword")
class EmbeddingDropout(keras.layers.Layer):
    r"""Drops words from the input of a window, each wherever it occurs.

    With one mask $m \in \{0, 1\}^V$ for a window, the embedded token $x_t$ of the word $w_t$ becomes
    $x_t \, m_{w_t} / (1 - p)$: as if the rows of the words had been dropped from the embedding matrix, which itself
    stays whole for an output projection that shares it.

    Args:
        vocabulary_size: `V`.
        rate: $p$, the part of the words that is dropped.
        seed: Seed of the masks.

    Call arguments:
        embedded: The embedded tokens `(B, T, E)`.
        tokens: Their ids `(B, T)`, int32.
        training: Whether any are dropped.

    Returns:
        The embedded tokens `(B, T, E)`.

    Source:
        Gal and Ghahramani (2016), section 4.2; Merity, Keskar and Socher (2018), section 4.3.

    Example:
        >>> tokens = ops.array([[3, 1, 3, 3]])
        >>> kept = EmbeddingDropout(5, 0.5, seed=1)(ops.ones((1, 4, 2)), tokens, training=True)
        >>> bool(ops.all(kept[0, 0] == kept[0, 2])), bool(ops.all(kept[0, 0] == kept[0, 3]))
        (True, True)
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
        """Return the embedded tokens, at zero where their word is dropped."""
        if not (training and self.rate):
            return embedded
        mask = dropout(ops.ones((self.vocabulary_size,)), self.rate, seed=self.seed_generator)
        return embedded * ops.take(mask, tokens)[..., None]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "rate": self.rate,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("nextword")
class WeightDrop(Dropout):
    r"""Sets single weights of a matrix to zero while training, the same ones in all steps of a window.

    $$\tilde{V} = \frac{M \odot V}{1 - p}, \quad M_{ij} \sim \text{Bernoulli}(1 - p)$$

    Used on the recurrent kernel $V$ of a layer it regularizes the way from a hidden state to the next without touching
    the states themselves, so that the recurrence runs as fast as before. The arithmetic is that of
    `Dropout`: the class says what is dropped.

    Args:
        rate: $p$, the part of the weights that is dropped.
        seed: Seed of the masks.

    Call arguments:
        inputs: The weights.
        training: Whether any are dropped.

    Returns:
        The weights, those that stay scaled up by $1 / (1 - p)$.

    Source:
        Wan et al. (2013); on recurrent weights, Merity, Keskar and Socher (2018), section 2.

    Example:
        >>> from keras import ops
        >>> dropped = WeightDrop(0.5, seed=1)(ops.ones((4, 4)), training=True)
        >>> sorted(set(ops.convert_to_numpy(dropped).ravel().tolist()))
        [0.0, 2.0]
    """
