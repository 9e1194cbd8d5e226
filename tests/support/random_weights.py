"""Weights drawn at random, with which predictions are far from uniform."""

import numpy as np
from numpy.typing import NDArray

from nextword.model.architecture import Architecture


def random_weights(architecture: Architecture, seed: int = 1, *, scale: float = 1.0) -> dict[str, NDArray[np.float32]]:
    """Return normally distributed weights for an architecture, by name."""
    random, shapes = np.random.default_rng(seed), architecture.weight_shapes()
    return {name: random.normal(scale=scale, size=shape).astype(np.float32) for name, shape in shapes.items()}
