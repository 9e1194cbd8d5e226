from collections.abc import Callable, Sequence

import numpy as np
import pytest

from nextword.engine.engine import Engine


def _log_probs_step_by_step(engine: Engine, ids: Sequence[int], first_input: int) -> list[float]:
    log_probs, state = engine.step(np.array([first_input], np.int32), engine.start(1))
    found = []
    for token_id in ids:
        found.append(float(log_probs[0, token_id]))
        log_probs, state = engine.step(np.array([token_id], np.int32), state)
    return found


@pytest.fixture(scope="session")
def step_by_step() -> Callable[[Engine, Sequence[int], int], list[float]]:
    """The reference: the log-probability of each token, read one at a time after a first input."""
    return _log_probs_step_by_step
