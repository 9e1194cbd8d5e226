from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Draw = Callable[..., NDArray[np.float32]]


@pytest.fixture
def draw() -> Draw:
    """Numbers of either sign that are never near zero, where a product or a gate could hide a mistake."""
    random = np.random.default_rng(7)

    def numbers(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        signs = random.choice((-1.0, 1.0), size=shape)
        return (scale * signs * random.uniform(0.2, 1.0, size=shape)).astype(np.float32)

    return numbers
