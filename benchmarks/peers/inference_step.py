"""A step of one text: a token in, the log-probabilities of all next tokens out, the state carried.

Between the steps, one thread reads memory: it finds the largest byte of a buffer that no cache can hold.
"""

import time
from itertools import count
from typing import Any

import numpy as np

from inference_ours import describe, open_bundle
from peer_protocol import Run, serve

_WARM_UP_STEPS = 20
_STEPS_PER_READ = 20


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Start the engine, and make a random text."""
    engine = open_bundle(settings).engine
    ids = np.random.default_rng(0).integers(engine.vocabulary_size, size=(1000, 1), dtype=np.int32)
    buffer = np.ones(settings["buffer_bytes"], np.int8)
    state, places = engine.start(1), count()

    def step() -> float:
        nonlocal state
        token = ids[next(places) % len(ids)]
        start = time.perf_counter()
        _, state = engine.step(token, state)
        return time.perf_counter() - start

    def read() -> float:
        start = time.perf_counter()
        buffer.max()
        return time.perf_counter() - start

    def run(steps: int) -> dict[str, list[float]]:
        seconds = {"step": [step() for _ in range(steps)]}
        if len(buffer):
            seconds["read"] = [read() for _ in range(-(-steps // _STEPS_PER_READ))]
        return seconds

    return describe(settings), run


if __name__ == "__main__":
    serve(prepare, warm_up_steps=_WARM_UP_STEPS)
