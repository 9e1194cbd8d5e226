"""Shared code of the peers on Keras: timing of the steps of `fit`, and the description."""

import math
import time
from typing import Any

import jax
import jaxlib
import keras

from peer_protocol import described


class StepTimer(keras.callbacks.Callback):
    """Times the steps of an epoch, from the end of one to the end of the next: making the batch counts.

    A callback with `on_train_batch_end` also makes Keras wait for the loss of each step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._last = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  # the names are Keras's
        """Start the clock."""
        self._last = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Record the time since the previous step."""
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now


def describe(model: Any, dtype: str, **versions: str) -> Any:
    """Return the description of a peer that trains a Keras model on JAX."""
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    versions |= {"keras": keras.__version__, "jax": jax.__version__, "jaxlib": jaxlib.__version__}
    return described(parameters, dtype, versions, device=jax.default_backend())
