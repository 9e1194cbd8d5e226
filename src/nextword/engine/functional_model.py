"""A model as a function of its weights, for engines that compute with others than the stored ones."""

from typing import Any

import keras

from nextword.errors import SettingError
from nextword.models.language_model import LanguageModel

Weights = tuple[Any, ...]
"""An array for each trainable variable of a model, in their order."""


def weights_of(model: LanguageModel) -> Weights:
    """Return the weights as they are stored."""
    return tuple(variable.value for variable in model.trainable_variables)


def in_place_of(model: LanguageModel, weights: Weights) -> Any:
    """Return a scope in which the model computes with `weights` instead of its own."""
    return keras.StatelessScope(state_mapping=list(zip(model.trainable_variables, weights, strict=True)))


def require_jax(what: str) -> None:
    """Raise where Keras does not run on JAX.

    Raises:
        SettingError: It runs on another backend.
    """
    backend = keras.backend.backend()
    if backend != "jax":
        raise SettingError(f"{what} needs Keras on the backend jax, but it runs on {backend}; set `KERAS_BACKEND=jax`")
