"""Dropout of weights instead of activations."""

import keras

from nextword.layers.dropout import Dropout


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
