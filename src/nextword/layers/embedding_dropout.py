"""Dropout of whole words."""

from typing import Any

import keras
from keras import ops

from nextword.ops.dropout import dropout


@keras.saving.register_keras_serializable("nextword")
class EmbeddingDropout(keras.layers.Layer):
    r"""Drops words from the input of a window, each wherever it stands.

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
