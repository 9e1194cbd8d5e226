from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Draw = Callable[..., NDArray[np.float32]]


@pytest.fixture
def draw() -> Draw:
    """Random numbers of both signs that are never near zero, which could hide a mistake in a product or a gate."""
    random = np.random.default_rng(7)

    def numbers(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        signs = random.choice((-1.0, 1.0), size=shape)
        return (scale * signs * random.uniform(0.2, 1.0, size=shape)).astype(np.float32)

    return numbers
