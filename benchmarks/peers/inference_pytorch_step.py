"""A step of one text in PyTorch, log-probabilities included, the state carried."""

import time
from itertools import count
from typing import Any

import torch

from inference_pytorch import describe, make_network
from peer_protocol import Run, serve

_WARM_UP_STEPS = 20


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Make the network, and a random text."""
    network = make_network(settings)
    ids = torch.randint(settings["model"]["vocabulary_size"], (1000, 1, 1), generator=torch.manual_seed(0))
    state, places = network.start(1), count()

    def step() -> float:
        nonlocal state
        token = ids[next(places) % len(ids)]
        start = time.perf_counter()
        _, state = network(token, state)
        return time.perf_counter() - start

    def run(steps: int) -> dict[str, list[float]]:
        with torch.inference_mode():
            return {"step": [step() for _ in range(steps)]}

    return describe(settings), run


if __name__ == "__main__":
    serve(prepare, warm_up_steps=_WARM_UP_STEPS)
